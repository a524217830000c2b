"""`kling doctor`: settings, output folder, clock, key and packs, at no cost."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core import config
from kling_core.cli import account, arguments, console
from kling_core.cli.probing import Finding, probe, why_refused
from kling_core.cli.problems import in_shell
from kling_core.errors import ConfigError, LedgerError

if TYPE_CHECKING:
    from kling_core.client import Kling

_WIDTH = 11
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling doctor --help`. Exit code 1 when something is wrong."""
    parser = arguments.Parser(
        prog="kling doctor",
        usage="kling doctor [options]",
        description="Test settings, output folder, clock, key and packs. Costs nothing; secrets "
        "are never shown.",
    )
    parser.add_argument("--sandbox", action="store_true", help="test the embedded sandbox")
    namespace = arguments.parse(parser, argv)
    return Doctor(sandbox=sandbox or namespace.sandbox).visit()


class Doctor:
    """Visits settings, folder, clock, key and packs, and says what it finds, a line each.

    A front end may add findings of its own with `fine`, `note` and `wrong`.
    """

    def __init__(self, *, sandbox: bool) -> None:
        self.sandbox = sandbox
        self.healthy = True

    def visit(self) -> int:
        """Look at everything; the exit code."""
        from kling_core.version import VERSION

        self.fine("version", f"kling-suite {VERSION}, Python {platform.python_version()}")
        self.surroundings()
        try:
            with console.open_client(sandbox=self.sandbox) as kling:
                settings = kling.session.settings
                if kling.sandbox is None:
                    self.fine("credential", settings.source)
                self.fine("host", settings.base_url)
                self.limits(settings)
                self.ledger(kling)
                self.folder(settings.output_dir)
                self.service(settings)
        except ConfigError as error:
            self.wrong("settings", in_shell(str(error)))
        print("all is well" if self.healthy else "something is wrong, see above")
        return 0 if self.healthy else 1

    def surroundings(self) -> None:
        """The config file and the proxies in use; never their contents, which may be secret."""
        file = config.home_folder() / "config.toml"
        if file.is_file():
            self.fine("config", str(file))
        names = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
        if names:
            self.note("proxy", f"{' and '.join(names)} in use")

    def limits(self, settings: config.Settings) -> None:
        for name, amount, each in (
            ("max cost", settings.max_cost, "call"),
            ("budget", settings.budget, "day"),
            ("budget", settings.project_budget, "project"),
        ):
            if amount is not None:
                self.fine(name, f"${amount} a {each}")
        for name, path in settings.paths.items():
            self.note("path", f"{name} goes to {path}, by your settings")

    def ledger(self, kling: Kling) -> None:
        """Whether the ledger opens, and what lies open in it."""
        from kling_core.ledger.recovery import OPEN

        try:
            ledger = kling.session.ledger()
            left = len(ledger.rows(states=OPEN))
        except LedgerError as error:
            self.wrong("ledger", str(error))
            return
        self.fine("ledger", ledger.place)
        if left:
            self.note("ledger", f"{left} not settled: kling tasks shows them, kling resume settles")

    def folder(self, place: Path) -> None:
        """Whether downloads can be written, by writing beside or in the folder."""
        absolute = place.absolute()
        existing = next(p for p in (absolute, *absolute.parents) if p.exists())
        if not existing.is_dir():
            self.wrong("outputs", f"{existing} is a file, not a folder; name another with --out")
            return
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.wrong("outputs", f"{absolute} cannot be written: {reason}; set KLING_OUTPUT_DIR")
        else:
            self.fine("outputs", f"{absolute} can be written")

    def service(self, settings: config.Settings) -> None:
        finding = probe(settings)
        if not finding.answered:
            self.wrong("network", f"{finding.message}; check KLING_BASE_URL, KLING_REGION, proxy")
            return
        self.clock(finding)
        if finding.error is None:
            self.fine("key", "accepted")
            self.packs(finding)
            return
        self.wrong("key", f"refused: {finding.message}")
        if finding.code in (1000, 1001, 1002):
            self.wrong("", why_refused(settings))
        elif finding.error.fix:
            self.wrong("", finding.error.fix)

    def clock(self, finding: Finding) -> None:
        skew = finding.skew
        if skew is None:
            self.note("clock", "not compared: the answer bears no date")
        elif abs(skew) < 30:
            self.fine("clock", "right")
        else:
            side = "behind" if skew > 0 else "ahead"
            self.wrong("clock", f"this computer's clock is {_span(abs(skew))} {side}; set it (NTP)")

    def packs(self, finding: Finding) -> None:
        rows = account.rows(finding.packs)
        for name, left, total, status, until in rows:
            self.fine("pack", f"{name}: {left} of {total} left, {status}, until {until}")
        if not any(row[3] == "online" for row in rows):
            self.note("pack", "no active pack; creates are refused (1102) unless you pay otherwise")

    def fine(self, name: str, text: str) -> None:
        """Something is right."""
        print(f"ok    {name:{_WIDTH}} {text}")

    def note(self, name: str, text: str) -> None:
        """Something to know."""
        print(f"note  {name:{_WIDTH}} {text}")

    def wrong(self, name: str, text: str) -> None:
        """Something to mend."""
        self.healthy = False
        print(f"{'WRONG' if name else '':5} {name:{_WIDTH}} {text}")


def _span(seconds: float) -> str:
    """A time difference in words: 45 seconds, 10 minutes, 3 hours."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return f"{round(seconds)} seconds"
