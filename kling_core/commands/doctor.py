"""Settings, output folder, ledger, clock, key and packs: what is right and what is wrong.

Costs nothing and tells no secret.
"""

from __future__ import annotations

import os
import platform
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kling_core import config, setting_values, text_files
from kling_core.advice import Advice, Text, said
from kling_core.commands import account
from kling_core.errors import (
    AccountError,
    AuthError,
    ConfigError,
    KlingError,
    LedgerError,
    PermissionDenied,
)

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.commands.key_check import Finding

__all__ = ["Symptom", "examine", "fine", "note", "report", "verdict", "wrong"]

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at: `ok`, worth a `note`, or `wrong`.

    `name` is what was looked at; empty when the text goes on with what stands before it.
    """

    level: Literal["ok", "note", "wrong"]
    name: str
    text: str

    @property
    def mark(self) -> str:
        """The level as it is shown: what is wrong is not overlooked."""
        return self.level.upper() if self.level == "wrong" else self.level


def examine(
    open_client: Callable[[], Kling], outputs: Callable[[Path], Path] = lambda place: place
) -> Iterator[Symptom]:
    """Look at everything, in the order in which a request would need it.

    The client is closed by whoever opened it. A `ConfigError` of opening it is a symptom too.
    `outputs` tells where a front end downloads to, from the folder of the settings.
    """
    from kling_core.version import VERSION

    yield fine("version", f"kling-suite {VERSION}, Python {platform.python_version()}")
    yield from _safely("surroundings", _surroundings)
    try:
        kling = open_client()
    except ConfigError as error:
        yield wrong("settings", error.told)
        return
    settings = kling.session.settings
    if kling.sandbox is None:
        yield fine("credential", settings.source)
    yield fine("host", settings.base_url)
    yield from _limits(settings)
    yield from _safely("ledger", lambda: _ledger(kling))
    yield from _safely("outputs", lambda: iter([_folder(outputs(settings.output_dir))]))
    yield from _safely("network", lambda: _service(settings))


def report(symptoms: Iterable[Symptom], tell: Callable[[str], object]) -> bool:
    """Tell symptoms in a terminal as they are found, a line each; returns whether all is well."""
    found: list[Symptom] = []
    for one in symptoms:
        found.append(one)
        text = said(one.text, "shell")
        tell(f"{one.mark if one.name else '':5} {one.name:{_WIDTH}} {text}")
    tell(verdict(found))
    return not any(one.level == "wrong" for one in found)


def verdict(found: Sequence[Symptom]) -> str:
    """What all symptoms come to."""
    wrong = any(one.level == "wrong" for one in found)
    return "something is wrong, see above" if wrong else "all is well"


_WIDTH = 11


def _safely(name: str, look: Callable[[], Iterator[Symptom]]) -> Iterator[Symptom]:
    """What one look finds; whatever it stumbles over is a symptom, and no end of the looking."""
    try:
        yield from look()
    except KlingError as error:
        yield wrong(name, error.told)
    except Exception as error:  # noqa: BLE001, it is here to say what is wrong
        yield wrong(name, f"{type(error).__name__}: {error}")


def _surroundings() -> Iterator[Symptom]:
    """The config file, proxies and certificates in use; never contents, which may be secret."""
    names = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if names:
        yield note("proxy", f"{' and '.join(names)} in use")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if os.environ.get(name):
            yield note("trust", f"{name}={os.environ[name]}, in the place of the usual ones")
    file = config.home_folder() / "config.toml"
    if file.is_file():
        yield fine("config", str(file))
        with suppress(ValueError):  # what is no TOML is told of with the settings
            content = tomllib.loads(text_files.read(file))
            if setting_values.open_to_others(file, content):
                yield wrong("", f"it holds a secret and others can read it: chmod 600 {file}")


def _limits(settings: config.Settings) -> Iterator[Symptom]:
    for name, amount, each in (
        ("max cost", settings.max_cost, "call"),
        ("budget", settings.budget, "day"),
        ("budget", settings.project_budget, "project"),
    ):
        if amount is not None:
            yield fine(name, f"${amount} a {each}")
    if settings.max_tasks is not None:
        yield fine("max tasks", f"{settings.max_tasks} a day")
    for name, path in settings.paths.items():
        yield note("path", f"{name} goes to {path}, by your settings")


def _ledger(kling: Kling) -> Iterator[Symptom]:
    """Whether the ledger opens, and what lies open in it."""
    from kling_core.flows.resume import OPEN

    try:
        ledger = kling.session.ledger()
        left = len(ledger.rows(states=OPEN))
    except LedgerError as error:
        yield wrong("ledger", error.told)
        return
    yield fine("ledger", ledger.place)
    if left:
        yield note(
            "ledger",
            Text(
                f"{left} not settled: ",
                Advice("tasks"),
                " shows them, ",
                Advice("resume by command"),
                " settles them",
            ),
        )


def _folder(place: Path) -> Symptom:
    """Whether downloads can be written, by writing beside or in the folder."""
    absolute = place.absolute()
    existing = next(p for p in (absolute, *absolute.parents) if p.exists())
    if not existing.is_dir():
        return wrong("outputs", f"{existing} is a file, not a folder; name another with --out")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return wrong("outputs", f"{absolute} cannot be written: {reason}; set KLING_OUTPUT_DIR")
    return fine("outputs", f"{absolute} can be written")


def _service(settings: config.Settings) -> Iterator[Symptom]:
    from kling_core.commands.key_check import probe, why_refused

    finding = probe(settings)
    if not finding.answered:
        yield wrong("network", finding.message)
        fix = finding.error.fix if finding.error else ""
        yield wrong("", fix or "check KLING_BASE_URL, KLING_REGION, proxy")
        return
    yield _clock(finding.skew)
    if finding.error is None:
        yield fine("key", "accepted")
        yield from _packs(finding)
        return
    if not isinstance(finding.error, (AuthError, AccountError, PermissionDenied)):
        # A wrong address, a proxy's page, a service that is down: the key was never judged.
        yield wrong("host", f"{settings.base_url} answered: {finding.message}")
        yield wrong("", finding.error.fix or "check KLING_BASE_URL and KLING_REGION")
        return
    yield wrong("key", f"refused: {finding.message}")
    if finding.code in (1000, 1001, 1002):
        yield wrong("", why_refused(settings))
    elif finding.error.fix:
        yield wrong("", finding.error.fix)


def _clock(skew: float | None) -> Symptom:
    if skew is None:
        return note("clock", "not compared: the answer bears no date")
    if abs(skew) < 30:
        return fine("clock", "right")
    side = "behind" if skew > 0 else "ahead"
    return wrong("clock", f"this computer's clock is {_span(abs(skew))} {side}; set it (NTP)")


def _packs(finding: Finding) -> Iterator[Symptom]:
    rows = account.rows(finding.packs)
    for name, left, total, status, until in rows:
        yield fine("pack", f"{name}: {left} of {total} left, {status}, until {until}")
    if not any(row[3] == "online" for row in rows):
        yield note("pack", "no active pack; creates are refused (1102) unless you pay otherwise")


def fine(name: str, text: str) -> Symptom:
    """Something is right."""
    return Symptom("ok", name, text)


def note(name: str, text: str) -> Symptom:
    """Something to know."""
    return Symptom("note", name, text)


def wrong(name: str, text: str) -> Symptom:
    """Something to mend."""
    return Symptom("wrong", name, text)


def _span(seconds: float) -> str:
    """A time difference in words: 45 seconds, 10 minutes, 3 hours."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return f"{round(seconds)} seconds"
