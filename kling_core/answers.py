"""Reading what the server says of a task, leniently: unknown fields and spellings are no error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from decimal import Decimal

OutputKind = Literal["video", "image", "audio"]

STATUSES = {
    "submitted": "submitted",
    "processing": "processing",
    "succeed": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
}
"""The wire's words and ours; any other word means that the task is still running."""

_LISTS: tuple[tuple[str, OutputKind], ...] = (
    ("videos", "video"),
    ("images", "image"),
    ("series_images", "image"),
    ("audios", "audio"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer about a task."""

    raw: Mapping[str, Any]

    @property
    def task_id(self) -> str:
        """Kling's id, a string of digits."""
        return text(self.raw, "task_id", "id")

    @property
    def status(self) -> str:
        """submitted, processing, succeeded or failed; an unknown word is given as it came."""
        word = text(self.raw, "task_status", "status") or "submitted"
        return STATUSES.get(word, word)

    @property
    def ended(self) -> bool:
        """True when the task has succeeded or failed."""
        return self.status in ("succeeded", "failed")

    @property
    def message(self) -> str:
        """Why it failed, in Kling's words."""
        return text(self.raw, "task_status_msg", "message")

    @property
    def info(self) -> Mapping[str, Any]:
        """`task_info`: the external id and the source video."""
        return mapping(self.raw.get("task_info"))

    @property
    def external_task_id(self) -> str:
        """The id that the request was given, empty when it was given none."""
        return text(self.info, "external_task_id")

    @property
    def parent_video(self) -> Mapping[str, Any]:
        """The source video of an extension or a lip-sync; empty for others."""
        return mapping(self.info.get("parent_video"))

    @property
    def units(self) -> Decimal | None:
        """Units that were deducted, None until the server has said so."""
        return decimal(self.raw.get("final_unit_deduction"))

    @property
    def outputs(self) -> list[tuple[OutputKind, Mapping[str, Any]]]:
        """What it made, in the server's order."""
        result = self.raw.get("task_result")
        if not isinstance(result, Mapping):
            return []
        lists = cast("Mapping[str, Any]", result)
        return [
            (kind, cast("Mapping[str, Any]", row))
            for key, kind in _LISTS
            if isinstance(lists.get(key), list)
            for row in lists[key]
            if isinstance(row, Mapping)
        ]


def text(raw: Mapping[str, Any], *keys: str) -> str:
    """The first of the keys that holds something, as text; lists and objects hold no text."""
    return next(
        (str(raw[k]) for k in keys if isinstance(raw.get(k), (str, int, float)) and raw[k]), ""
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """An object of the server's; empty for what is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def decimal(value: Any) -> Decimal | None:
    """A number that the server may write as text; None for anything else."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
