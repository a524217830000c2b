"""Settings, output folder, ledger, clock, key and packs: what is right and what is wrong.

Costs nothing and tells no secret.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kling_core import config
from kling_core.errors import ConfigError, LedgerError
from kling_core.reports import packs

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.reports.probing import Finding

__all__ = ["Symptom", "examine"]

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at: `ok`, worth a `note`, or `wrong`.

    `name` is what was looked at; empty when the text goes on with what stands before it.
    """

    level: Literal["ok", "note", "wrong"]
    name: str
    text: str


def examine(open_client: Callable[[], Kling]) -> Iterator[Symptom]:
    """Look at everything, in the order in which a request would need it.

    The client is closed by whoever opened it. A `ConfigError` of opening it is a symptom too.
    """
    from kling_core.version import VERSION

    yield _fine("version", f"kling-suite {VERSION}, Python {platform.python_version()}")
    yield from _surroundings()
    try:
        kling = open_client()
    except ConfigError as error:
        yield _wrong("settings", str(error))
        return
    settings = kling.session.settings
    if kling.sandbox is None:
        yield _fine("credential", settings.source)
    yield _fine("host", settings.base_url)
    yield from _limits(settings)
    yield from _ledger(kling)
    yield _folder(settings.output_dir)
    yield from _service(settings)


def _surroundings() -> Iterator[Symptom]:
    """The config file and the proxies in use; never their contents, which may be secret."""
    file = config.home_folder() / "config.toml"
    if file.is_file():
        yield _fine("config", str(file))
    names = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if names:
        yield _note("proxy", f"{' and '.join(names)} in use")


def _limits(settings: config.Settings) -> Iterator[Symptom]:
    for name, amount, each in (
        ("max cost", settings.max_cost, "call"),
        ("budget", settings.budget, "day"),
        ("budget", settings.project_budget, "project"),
    ):
        if amount is not None:
            yield _fine(name, f"${amount} a {each}")
    for name, path in settings.paths.items():
        yield _note("path", f"{name} goes to {path}, by your settings")


def _ledger(kling: Kling) -> Iterator[Symptom]:
    """Whether the ledger opens, and what lies open in it."""
    from kling_core.ledger.recovery import OPEN

    try:
        ledger = kling.session.ledger()
        left = len(ledger.rows(states=OPEN))
    except LedgerError as error:
        yield _wrong("ledger", str(error))
        return
    yield _fine("ledger", ledger.place)
    if left:
        yield _note(
            "ledger", f"{left} not settled: kling tasks shows them, kling resume settles them"
        )


def _folder(place: Path) -> Symptom:
    """Whether downloads can be written, by writing beside or in the folder."""
    absolute = place.absolute()
    existing = next(p for p in (absolute, *absolute.parents) if p.exists())
    if not existing.is_dir():
        return _wrong("outputs", f"{existing} is a file, not a folder; name another with --out")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return _wrong("outputs", f"{absolute} cannot be written: {reason}; set KLING_OUTPUT_DIR")
    return _fine("outputs", f"{absolute} can be written")


def _service(settings: config.Settings) -> Iterator[Symptom]:
    from kling_core.reports.probing import probe, why_refused

    finding = probe(settings)
    if not finding.answered:
        text = f"{finding.message}; check KLING_BASE_URL, KLING_REGION, proxy"
        yield _wrong("network", text)
        return
    yield _clock(finding.skew)
    if finding.error is None:
        yield _fine("key", "accepted")
        yield from _packs(finding)
        return
    yield _wrong("key", f"refused: {finding.message}")
    if finding.code in (1000, 1001, 1002):
        yield _wrong("", why_refused(settings))
    elif finding.error.fix:
        yield _wrong("", finding.error.fix)


def _clock(skew: float | None) -> Symptom:
    if skew is None:
        return _note("clock", "not compared: the answer bears no date")
    if abs(skew) < 30:
        return _fine("clock", "right")
    side = "behind" if skew > 0 else "ahead"
    return _wrong("clock", f"this computer's clock is {_span(abs(skew))} {side}; set it (NTP)")


def _packs(finding: Finding) -> Iterator[Symptom]:
    rows = packs.rows(finding.packs)
    for name, left, total, status, until in rows:
        yield _fine("pack", f"{name}: {left} of {total} left, {status}, until {until}")
    if not any(row[3] == "online" for row in rows):
        yield _note("pack", "no active pack; creates are refused (1102) unless you pay otherwise")


def _fine(name: str, text: str) -> Symptom:
    return Symptom("ok", name, text)


def _note(name: str, text: str) -> Symptom:
    return Symptom("note", name, text)


def _wrong(name: str, text: str) -> Symptom:
    return Symptom("wrong", name, text)


def _span(seconds: float) -> str:
    """A time difference in words: 45 seconds, 10 minutes, 3 hours."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return f"{round(seconds)} seconds"
