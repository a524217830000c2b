"""After a crash: settling what was left open, following it to its end, saving what it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kling_core.errors import KlingError
from kling_core.flows import adopt, download, late_costs, submit
from kling_core.flows import wait as waiting
from kling_core.flows.known_rows import is_known, refusal
from kling_core.flows.runner import Maker
from kling_core.flows.session import Session
from kling_core.flows.task_state import RETENTION, TaskState
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import RUNNING, Row
from kling_core.wire.effects import Call, Flow, Tell

OPEN = ("prepared", "waiting", "submitting", "unknown")
"""States that a process leaves behind when it ends too early."""


@dataclass(slots=True)
class Settled:
    """What became of the rows that were left open.

    `running` are at work at Kling, `unsaved` are finished and have an output that was never saved,
    `unsent` were never accepted (send them again with `resume(send=True)`), `held` are in the hands
    of another process. `doubtful` could not be decided now, or not be sent (a limit, a file that is
    gone), each with the reason: of a lost answer a `SubmitOutcomeUnknown`, which says when it is
    certain. Until then it counts as made, and each `resume` looks again. Of an endpoint that this
    version does not know the reason is a `NotKnownHere`, whatever the state of the row.
    """

    running: list[Row] = field(default_factory=list[Row])
    unsaved: list[Row] = field(default_factory=list[Row])
    unsent: list[Row] = field(default_factory=list[Row])
    held: list[Row] = field(default_factory=list[Row])
    doubtful: list[tuple[Row, KlingError]] = field(default_factory=list[tuple[Row, KlingError]])


def resume(
    client: Maker[TaskState],
    *,
    wait: bool,
    save: bool,
    send: bool,
    timeout: float | None,
    listener: Callable[[Any], Any] | None,
) -> Flow[Settled]:
    """Settle what was left open, wait for what runs and save what it made, see `Tasks.resume`."""
    waiting.judge(timeout, listener)
    settled = yield from settle(client.session, send=send, patient=wait, listener=listener)
    for row in [*(settled.running if wait else ()), *(settled.unsaved if save else ())]:
        task = adopt.task_of(client, row)
        try:
            yield from waiting.wait(task, timeout, listener)
            for output in task.outputs if save else ():
                if output.is_file:
                    yield from download.download(output)
        except KlingError as error:
            settled.doubtful.append((row, error))
    return settled


def settle(
    session: Session,
    *,
    send: bool,
    patient: bool = False,
    listener: Callable[[Any], Any] | None = None,
) -> Flow[Settled]:
    """Bring every row that no living process holds to a certain state.

    Whether a process that was sending has ended shows when its lease does: `patient` waits for
    that. The listener is told such a row before, and every row when it is settled.
    """
    ledger: Ledger = yield Call(session.ledger)
    left: list[Row] = yield Call(partial(ledger.rows, states=OPEN))
    settled = Settled()
    for row in reversed(left):
        if not ledger.orphaned(row):
            if not patient or row.state != "submitting":
                settled.held.append(row)
                continue
            yield Tell(listener, row)
        try:
            # What was given up is still looked up, and never sent by the way.
            wanted = row.given_up_at is None
            now = yield from submit.resume(session, row, send=send and wanted)
        except KlingError as error:
            if row.given_up_at is not None:
                continue
            open_still: Row = yield Call(partial(ledger.row, row.id))
            settled.doubtful.append((open_still, error))
            yield Tell(listener, error)
            continue
        if now.state in OPEN:
            settled.unsent.append(now)
        yield Tell(listener, now)
    yield from late_costs.ask(session)
    running: list[Row] = yield Call(partial(ledger.rows, states=RUNNING))
    settled.running = [row for row in running if row.given_up_at is None]
    settled.unsaved = yield Call(partial(unsaved, ledger))
    _set_aside(settled)
    return settled


def _set_aside(settled: Settled) -> None:
    """Name what this version cannot go on with, so that nobody waits for it."""
    for rows in (settled.running, settled.unsaved):
        for row in [row for row in rows if not is_known(row)]:
            rows.remove(row)
            settled.doubtful.append((row, refusal(row)))


def unsaved(ledger: Ledger, *, look: bool = True) -> list[Row]:
    """Finished tasks with an output that is not on disk, or that Kling has not named yet.

    Those that Kling still has, newest first. A file of another size than the one that was saved is
    not that output any more. Without `look` no file is looked at: those that were never saved.
    """
    since = ledger.now() - RETENTION.total_seconds()
    lost = {kept.task for kept in ledger.finished(since, saved=look) if not kept.on_disk}
    rows = ledger.these(lost) + ledger.unnamed(since)
    return sorted(rows, key=lambda row: row.created_at, reverse=True)
