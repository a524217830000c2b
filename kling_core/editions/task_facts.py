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
    def known(self) -> bool:
        """Whether the word for its state is one that we know."""
        return self.status in STATUSES.values()

    @property
    def ended(self) -> bool:
        """True when the task has succeeded or failed."""
        return self.status in ("succeeded", "failed")

    def overtaken(self, known: Answer) -> bool:
        """Whether a known answer is newer than this one: no task that has ended runs again."""
        if self.ended != known.ended:
            return known.ended
        then, last = (decimal(one.raw.get("updated_at")) for one in (self, known))
        return then is not None and last is not None and then < last

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
        """Units that were deducted, None until the server has said so, and while it is absurd."""
        return amount(self.raw.get("final_unit_deduction"))

    @property
    def odd_units(self) -> str:
        """What the server calls the units deducted, where that is no amount; else empty."""
        said = self.raw.get("final_unit_deduction")
        return "" if said in (None, "") or self.units is not None else repr(said)[:40]

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
    """A number that the server may write as text; None for anything else, and for absurd ones.

    It is one that can be reckoned with: below 10^20, and 0 or above 10^-30.
    """
    from decimal import Decimal, InvalidOperation

    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, int) and value.bit_length() > _BITS:  # too long even to be written
        return None
    if len(written := str(value)) > _LETTERS:
        return None
    try:
        number = Decimal(written)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if number.is_zero():
        return Decimal(0)  # whatever its exponent
    return number if -30 <= number.adjusted() < 20 else None


def amount(value: Any) -> Decimal | None:
    """An amount of units or dollars: 0 or more, below a million, exact to a billionth.

    None for anything else, as for a number below 0: what is no price must not count as one.
    """
    from decimal import Decimal

    number = decimal(value)
    if number is None or not 0 <= number < MOST:
        return None
    exponent = number.as_tuple().exponent
    fine = isinstance(exponent, int) and exponent < -PLACES
    return number.quantize(Decimal(1).scaleb(-PLACES)) if fine else abs(number)


MOST = 1_000_000
"""No amount is as high: the dearest task costs some 50 units."""

PLACES = 9
"""Decimal places of an amount; what goes beyond them is rounded."""

_LETTERS = 64
_BITS = 128
