"""`kling_recover_tasks`: after a crash, a lost answer, a closed laptop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kling_core.advice import Text
from kling_core.errors import KlingError
from kling_core.flows.known_rows import is_known
from kling_mcp import results, schemas
from kling_mcp.bounded_wait import wait_for
from kling_mcp.tool import SAVES, Call, Tool

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from kling_core.flows.resume import Settled
    from kling_core.ledger.records import Row
    from kling_mcp.settings import Settings

__all__ = ["recover_tasks"]


def recover_tasks(settings: Settings) -> Tool:
    """`kling_recover_tasks`."""
    properties: dict[str, schemas.Schema] = {
        "from_kling": {
            "type": "boolean",
            "description": "Also take in what Kling lists of 30 days.",
        },
    }
    if settings.local_files:
        properties["download"] = {
            "type": "boolean",
            "description": "Also save every finished output that is not on disk.",
        }
    return Tool.of(
        _recover,
        toolset="tasks",
        name="kling_recover_tasks",
        title="Recover tasks",
        description="Find again what a crash or a lost answer left behind: use it instead of "
        "creating again. Asks Kling whether requests of unknown outcome became tasks; sends and "
        "pays nothing. Returns what runs, is not saved, or was never sent. Free, some seconds.",
        parameters=schemas.object_schema(properties),
        output=results.TASKS,
        annotations=SAVES,
    )


async def _recover(call: Call) -> CallToolResult:
    save, collect = bool(call.get("download")), bool(call.get("from_kling"))
    work = call.account.chore(f"recover {save} {collect}", lambda: _settle(call, save, collect))
    patience = float(call.settings.wait_seconds)
    if not await wait_for(work, patience, call.context, lambda: "recovering"):
        step = "It goes on. Call kling_recover_tasks again with the same arguments."
        return results.answer({"next_step": step}, step)
    settled, saved, new = work.result()
    return await _told(call, settled, saved, new)


async def _settle(call: Call, save: bool, collect: bool) -> tuple[Settled, list[str], int]:
    from kling_core.flows import rescue, resume

    client, new = call.account.client, 0
    if collect:
        unread: list[KlingError] = []
        new = await client.run_flow(rescue.collect(client.session, unread.append))
        call.warnings += [error.said("tools") for error in unread]
    # What a process was sending when it was killed is certain when it has certainly ended.
    settled = await client.run_flow(resume.settle(client.session, send=False, patient=True))
    saved: list[str] = []
    if save:
        older, found = await client.run_flow(rescue.fetch_missing(client))
        for one in found:
            saved += [str(one.path)] if one.path else []
            call.tell(one.error.told) if one.error and not one.purged else None
        if purged := older + sum(one.purged for one in found):
            call.tell(f"{purged} outputs are no longer at Kling, which keeps results for 30 days.")
        ledger = await call.account.ledger()
        left = await asyncio.to_thread(resume.unsaved, ledger)
        settled.unsaved = [row for row in left if is_known(row)]  # the others are told as such
    return settled, saved, new


async def _told(call: Call, settled: Settled, saved: list[str], new: int) -> CallToolResult:
    for row, error in settled.doubtful:
        call.tell(Text(f"{row.id}: ", error.told))
    unknown = {row.id for row, _ in settled.doubtful if not is_known(row)}
    groups: dict[str, list[Row]] = {
        "running": settled.running,
        "not saved": settled.unsaved,
        "never sent": settled.unsent,
        "held by another process": settled.held,
        "in doubt": [row for row, _ in settled.doubtful if row.id not in unknown],
        "not known to this version": [row for row, _ in settled.doubtful if row.id in unknown],
    }
    tasks: list[dict[str, Any]] = []
    for what, rows in groups.items():
        for row in rows:
            task = await call.account.client.tasks.get(row.id)
            call.account.follow(task)
            tasks.append({"found": what, **await results.describe(call.account, task)})
    facts: dict[str, Any] = {
        "tasks": tasks,
        "new_from_kling": new,
        "saved": saved,
        "warnings": call.warnings,
        "next_step": _step(groups, call.settings),
    }
    lines = [f"{task['found']}: {results.line(task).splitlines()[0]}" for task in tasks]
    said = "\n".join([*lines, *(f"saved {path}" for path in saved), facts["next_step"]])
    return results.answer(facts, said)


def _step(groups: dict[str, list[Row]], settings: Settings) -> str:
    steps: list[str] = []
    if ids := [row.task_id for row in groups["running"]]:
        steps.append(f"Call kling_wait_tasks with task_ids {ids}.")
    if groups["not saved"]:
        keep = "Call kling_download with the task_id of what is not saved."
        fetch = "What is not saved is at the url of its outputs for 30 days."
        steps.append(keep if settings.local_files else fetch)
    if groups["never sent"]:
        steps.append("What was never sent costs nothing and may be created anew.")
    if groups["held by another process"] or groups["in doubt"]:
        steps.append("Call kling_recover_tasks again in a few minutes for what is not certain yet.")
    return " ".join(steps) or "Nothing was left behind."
