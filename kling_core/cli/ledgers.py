"""What the commands over the ledger share: opening it, rows as JSON, collecting."""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.cli import console, exit_codes, results
from kling_core.cli.progress import follow
from kling_core.commands import as_json, tasks
from kling_core.errors import KlingError

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.ledger.records import Row
    from kling_core.task import Task

_NOT_AT_KLING = (*tasks.UNSENT, "rejected")


def open_client(command: str, *, sandbox: bool) -> Kling:
    """The client whose ledger a command reads; not that of an embedded sandbox, which is empty."""
    console.refuse_empty_sandbox(command, sandbox=sandbox)
    return console.open_client(sandbox=False)


def hidden_sandbox(parser: argparse.ArgumentParser) -> None:
    """--sandbox after the command: understood, to be refused with its reason."""
    parser.add_argument("--sandbox", action="store_true", help=argparse.SUPPRESS)


# --- collecting ----------------------------------------------------------------------------


class Collector:
    """Waits for rows one after the other and downloads what they made; tells errors, raises none.

    All rows are followed at once: whoever waits for one task asks for all that run.
    """

    def __init__(
        self,
        kling: Kling,
        *,
        out: Path | None,
        timeout: float | None = None,
        download: bool = True,
        as_json: bool = False,
    ) -> None:
        self.kling, self.out, self.timeout = kling, out, timeout
        self.download, self.as_json = download, as_json
        self.code = 0
        self.tasks: list[Task] = []

    def collect(self, row: Row) -> None:
        """Bring one row to its end, and its outputs to disk."""
        try:
            with exit_codes.Progress(made=True):
                self._collect(row)
        except KlingError as error:
            self.tell(error)

    def tell(self, error: KlingError, about: Row | None = None) -> None:
        """Print an error and remember its exit code; "look first" outweighs "failed".

        When it is `about` a row that Kling may have, it is no "nothing was made", whatever failed.
        """
        now = self.kling.session.ledger().row(about.id) if about is not None else None
        if now is not None and now.state not in _NOT_AT_KLING:
            with suppress(KlingError), exit_codes.Progress(made=True):
                raise error
        first, *more = exit_codes.lines(error)
        console.say("\n".join([f"error: {first}", *more]))
        code = exit_codes.exit_code(error)
        self.code = exit_codes.LOOK_FIRST if exit_codes.LOOK_FIRST in (code, self.code) else code

    def finish(self) -> int:
        """Print what JSON was asked for; returns the exit code."""
        if self.as_json:
            console.show_json([as_json.described(task) for task in self.tasks])
        console.flush()
        return self.code

    def _collect(self, row: Row) -> None:
        start = time.monotonic()
        task = self.kling.tasks.get(row.id)
        if task.done and task.status == "failed":
            from kling_core.flows.wait import failure

            raise failure(task)
        if not task.complete:
            follow(task, self.timeout)
        self.tasks.append(task)
        paths = results.save(task, self.out) if self.download else []
        console.say(results.ending(task, time.monotonic() - start))
        results.show(task, paths, as_json=False) if not self.as_json else None
        console.flush()
