"""Every verb on every face: the facts of the core's result are what the front ends show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import made, server
from helpers.sandboxes import FAST
from helpers.shell import Shell
from mcp import Client

from kling_core import Kling, Sandbox, client
from kling_core.cli.main import main
from kling_core.commands import costs, models, show, tasks
from kling_core.declare import registry
from kling_core.ledger.records import Row


@dataclass(frozen=True)
class Verb:
    """How it is typed on each face, with `{id}` for a task, and what the core says it finds."""

    facts: Callable[[Kling, Row], list[str]]
    typed: str
    tool: str
    arguments: dict[str, Any]


def of_costs(kling: Kling, _: Row) -> list[str]:
    spent = costs.within(kling, "model", 30)
    return [*(line.key for line in spent.lines), f"{costs.total(spent.lines).estimate.normalize()}"]


def of_tasks(kling: Kling, row: Row) -> list[str]:
    (found,) = tasks.chosen(kling, words="paper").rows
    assert found.id == row.id
    return [(found.task_id or "")[-8:], found.state, found.model_name or ""]


def of_show(kling: Kling, row: Row) -> list[str]:
    known = dict(show.about(kling, row, kling.session.ledger().kept(row.id)).values)
    return [row.task_id or "", row.state, known["cost"].partition(" units")[0]]


def of_models(_: Kling, __: Row) -> list[str]:
    table = models.one(registry.get("text-to-video"), retired=False).table
    names = [line[0].removesuffix(" (default)") for line in table.rows]
    return [name for name in names if name]


VERBS = {
    "costs": Verb(of_costs, "costs --by model", "kling_account_costs", {"by": "model"}),
    "tasks": Verb(of_tasks, "tasks paper", "kling_list_tasks", {}),
    "show": Verb(of_show, "show {id}", "kling_get_task", {"task_id": "{id}"}),
    "models": Verb(of_models, "models t2v", "kling_models", {"endpoint": "text_to_video"}),
}


@dataclass(frozen=True)
class Place:
    """An account whose ledger has one task."""

    sandbox: Sandbox
    folder: Path
    kling: Kling
    row: Row


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("verbs")
    known = {"home": folder / "home", "output_dir": folder / "clips", "pace": replace(FAST)}
    with Sandbox(quality="test", speed=5000) as sandbox, Kling(sandbox=sandbox, **known) as kling:
        task = kling.text_to_video.run(prompt="a paper boat")
        yield Place(sandbox, folder, kling, kling.session.ledger().row(task.row_id or ""))


def by_command(verb: Verb, place: Place, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(verb.typed.format(id=place.row.task_id).split()) == 0
    return "".join(capsys.readouterr())


def by_magic(verb: Verb, place: Place, capsys: pytest.CaptureFixture[str]) -> str:
    shell = Shell(place.kling)
    shell.run(f"%kling {verb.typed.format(id=place.row.task_id)}")
    shell.close()
    return "".join(capsys.readouterr())


def by_tool(verb: Verb, place: Place, _: pytest.CaptureFixture[str]) -> str:
    given = {name: value.format(id=place.row.task_id) for name, value in verb.arguments.items()}

    async def run() -> dict[str, Any]:
        async with Client(server(place.sandbox, place.folder)) as agent:
            return await made(agent, verb.tool, given)

    return json.dumps(asyncio.run(run()))


@pytest.mark.parametrize("face", [by_command, by_magic, by_tool], ids=lambda face: face.__name__)
@pytest.mark.parametrize("name", VERBS)
def test_the_facts_agree(
    name: str,
    face: Callable[..., str],
    place: Place,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the core finds is shown by the command line, in the notebook and by the tool."""
    monkeypatch.chdir(place.folder)
    for key, value in {
        "KLING_HOME": str(place.folder / "home"),
        "KLING_BASE_URL": place.sandbox.url,
        "KLING_ACCESS_KEY": place.sandbox.access_key,
        "KLING_SECRET_KEY": place.sandbox.secret_key,
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(client, "Pace", lambda: client.SANDBOX_PACE)
    facts = VERBS[name].facts(place.kling, place.row)
    assert facts
    assert all(facts)
    capsys.readouterr()
    told = face(VERBS[name], place, capsys)
    assert [fact for fact in facts if fact not in told] == []
