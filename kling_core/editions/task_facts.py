"""What the server says of a task, read once and leniently, whichever edition it comes from.

Both ids, both words for success, both forms of results, costs and times are read everywhere: one
path mixes them (`/solutions`), and lists of one edition show tasks of the other. Unknown fields and
spellings are no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from decimal import Decimal

OutputKind = Literal["video", "image", "audio", "voice", "element", "text", "data"]

FILES: tuple[OutputKind, ...] = ("video", "image", "audio")
"""Kinds of output that are files, to be downloaded; all others are what is said of them."""

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
    ("voices", "voice"),
    ("elements", "element"),
)
"""The lists of `task_result`, and what is in them."""

_KINDS: dict[str, OutputKind] = {
    "video": "video",
    "image": "image",
    "audio": "audio",
    "voice": "voice",
    "element": "element",
    "srt": "text",
    "ass": "text",
}
"""The words for `type` in `outputs[]` that name a kind by themselves."""


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """One thing that a task made; `raw` is what the server said of it.

    `id` is Kling's id of it, empty for images; `url` is empty where there is none.
    """

    kind: OutputKind
    id: str
    url: str
    watermark_url: str
    duration: Decimal | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def named(self) -> bool:
        """Whether it can be had: the address of a file may come after the success."""
        return bool(self.url) or self.kind not in FILES


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One answer about a task, or a callback.

    Attributes:
        raw: the server's own words.
        task_id: Kling's id, a string of digits; empty when none was said.
        external_task_id: the id that the request was given; empty when it was given none.
        status: submitted, processing, succeeded or failed; an unknown word as it came.
        word: the server's word for it, empty when it said none.
        message: why it failed, in Kling's words.
        created, updated: seconds since 1970; None when the server did not say.
        outputs: what it made, in the server's order.
        units: what was deducted; None until the server has said so, and while it is absurd.
        odd_units: what it calls the units deducted, where that is no amount; else empty.
        parent_video: the source video of an extension or a lip-sync; empty for others.
    """

    raw: Mapping[str, Any] = field(repr=False)
    task_id: str = ""
    external_task_id: str = ""
    status: str = "submitted"
    word: str = ""
    message: str = ""
    created: float | None = None
    updated: float | None = None
    outputs: tuple[OutputFacts, ...] = ()
    units: Decimal | None = None
    odd_units: str = ""
    parent_video: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def known(self) -> bool:
        """Whether the word for its state is one that we know."""
        return self.status in STATUSES.values()

    @property
    def ended(self) -> bool:
        """True when the task has succeeded or failed."""
        return self.status in ("succeeded", "failed")

    @property
    def complete(self) -> bool:
        """True when there is nothing to wait for: it has failed, or names everything it made.

        Kling says that a task has succeeded some seconds before it says where the results are.
        """
        if not self.ended or self.status == "failed":
            return self.ended
        return bool(self.outputs) and all(output.named for output in self.outputs)

    @property
    def note(self) -> str:
        """What was said beside the acceptance of a task; what is said of a failed one is why."""
        return "" if self.status == "failed" else text(self.raw, "message")

    @property
    def parent_id(self) -> str:
        """Kling's id of the video that it was made of, empty when it names none."""
        return text(self.parent_video, "id")

    @property
    def source_words(self) -> frozenset[str]:
        """Every text and number of the answer but for the results: one may name what it is of."""
        told = {name: said for name, said in self.raw.items() if name not in RESULTS}
        return frozenset(_words(told))

    @property
    def charges(self) -> Mapping[str, Any]:
        """What the server says of the cost, in its own words; empty until it has said anything."""
        if self.raw.get("final_unit_deduction") in (None, "") and not self.raw.get("billing"):
            return {}
        return {name: self.raw[name] for name in _CHARGES if name in self.raw}

    def overtaken(self, known: TaskFacts) -> bool:
        """Whether a known answer is newer than this one: no task that has ended runs again."""
        if self.ended != known.ended:
            return known.ended
        then, last = self.updated, known.updated
        return then is not None and last is not None and then < last


Said = Mapping[str, Any] | TaskFacts
"""What a server says of a task, in its own words or read."""

RESULTS = ("task_result", "outputs")
"""Where an answer has what was made."""

_CHARGES = ("final_unit_deduction", "final_balance_deduction", "billing")


def read(raw: Said) -> TaskFacts:
    """The facts in what the server says of one task: in an answer, a list, a callback, or kept."""
    if isinstance(raw, TaskFacts):
        return raw
    info = mapping(raw.get("task_info"))
    word = text(raw, "task_status", "status")
    units, odd = _deducted(raw)
    own = text(info, "external_task_id") or text(raw, "external_id", "external_task_id")
    return TaskFacts(
        raw=raw,
        task_id=text(raw, "task_id", "id"),
        external_task_id=own,
        status=STATUSES.get(word, word) or "submitted",
        word=word,
        message=text(raw, "task_status_msg", "message"),
        created=seconds(raw.get("created_at") or raw.get("create_time")),
        updated=seconds(raw.get("updated_at") or raw.get("update_time")),
        outputs=tuple(_outputs(raw)),
        units=units,
        odd_units=odd,
        parent_video=mapping(info.get("parent_video")),
    )


def _outputs(raw: Mapping[str, Any]) -> Iterator[OutputFacts]:
    """What it made: the lists of `task_result` or, where there are none, `outputs`."""
    if "task_result" not in raw and "outputs" not in raw:  # whatever still runs
        return
    lists = mapping(raw.get("task_result"))
    rows: list[tuple[OutputKind, Mapping[str, Any]]]
    rows = [(kind, row) for name, kind in _LISTS for row in objects(lists.get(name))]
    for kind, row in rows or [(_kind(row), row) for row in objects(raw.get("outputs"))]:
        length = text(row, *_DURATIONS)
        yield OutputFacts(
            # What was looked for in a picture and is not there has no file.
            kind="data" if row.get("is_contain") is False else kind,
            id=text(row, "id", "audio_id", "voice_id", "element_id"),
            url=text(row, "url", "url_mp3", "mp3_url", "url_wav", "wav_url", "trial_url"),
            watermark_url=text(row, "watermark_url"),
            duration=decimal(length) if length else None,
            raw=row,
        )


_DURATIONS = ("duration", "duration_mp3", "mp3_duration", "duration_wav", "wav_duration")


def _kind(row: Mapping[str, Any]) -> OutputKind:
    """What an entry of `outputs` is; solutions have words of their own, such as product_image."""
    word = text(row, "type")
    named = [word] if word in _KINDS else [part for part in _KINDS if part in word]
    return _KINDS[named[0]] if named else "data"


def _deducted(raw: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """The units that were deducted, and what is said in their place when that is no amount."""
    said: Any = raw.get("final_unit_deduction")
    if said in (None, ""):
        # A failed task may have an entry that names no kind of charge, only an amount of 0.
        billed = [row for row in objects(raw.get("billing")) if _in_units(row)]
        if not billed:
            return None, ""
        parts = [amount(row.get("amount")) for row in billed]
        whole = [part for part in parts if part is not None]
        said = sum(whole) if len(whole) == len(parts) else [row.get("amount") for row in billed]
    units = amount(said)
    return units, "" if units is not None else _shown(said)


def _shown(said: Any) -> str:
    try:
        return repr(said)[:40]
    except ValueError:  # too long even to be written
        return "a number without end"


def _in_units(row: Mapping[str, Any]) -> bool:
    return text(row, "charge_type") in ("", "unit")


def text(raw: Mapping[str, Any], *keys: str) -> str:
    """The first of the keys that holds something, as text; lists and objects hold no text."""
    for key in keys:
        said = raw.get(key)
        if said and isinstance(said, (str, int, float)) and said is not True:
            return str(said)
    return ""


def mapping(value: Any) -> Mapping[str, Any]:
    """An object of the server's; empty for what is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list of the server's; what is none is left out."""
    if not isinstance(value, list):
        return []
    rows = cast("list[Any]", value)
    return [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]


def _words(value: Any) -> Iterator[str]:
    """Every text and number in an answer."""
    if isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _words(inner)
    elif isinstance(value, (str, int)):
        yield str(value)


def seconds(value: Any) -> float | None:
    """A time in seconds since 1970; None for what is no number, and for absurd ones.

    Times below 1e11 are seconds, else milliseconds (seen from resellers and from Kling).
    """
    if value is None:  # as most answers have it: four times a task that is watched
        return None
    plain = type(value) is int and 0 <= value < _LATEST  # what Kling writes: no Decimal needed
    number: Any = value if plain else decimal(value)
    if number is None:
        return None
    moment = float(number)
    return moment if moment < _MILLISECONDS else moment / 1000


_MILLISECONDS = 100_000_000_000
_LATEST = 10**20


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
