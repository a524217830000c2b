"""`kling give-up`, and what `kling tasks` and `%kling` say of slots, against the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kling_core import AsyncKling, Kling, Sandbox
from kling_core.cli.main import main
from kling_core.editions.task_facts import read


@pytest.fixture
def slow(
    start_sandbox: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[Sandbox]:
    """A sandbox whose tasks do not end, as the account of the command line and the magics."""
    sandbox = start_sandbox(speed=0.001)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    monkeypatch.chdir(tmp_path)
    return sandbox


def made(count: int = 1) -> list[str]:
    with Kling() as kling:
        return [kling.text_to_video.create(prompt=f"a boat {n}").task_id for n in range(count)]


def run(capsys: Any, *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command(slow: Sandbox, capsys: Any) -> None:
    """It says what it means for the money; the list says what holds a slot and what does not."""
    one, _ = made(2)
    _, _, before = run(capsys, "tasks")
    assert "slots held: 2 for video (2 submitted)" in before
    code, _, err = run(capsys, "give-up", one[-6:])
    assert code == 0
    for words in ("holds no slot", "no cancel", "may be billed ($", f"kling wait {one[-8:]}"):
        assert words in err
    _, _, after = run(capsys, "tasks")
    assert "slots held: 1 for video (1 submitted)" in after
    assert f"{one[-8:]}: given up" in after
    code, out, _ = run(capsys, "give-up", one, "--json")
    assert (code, json.loads(out)[0]["task_id"]) == (0, one)
    _, out, _ = run(capsys, "costs", "--json")
    assert json.loads(out)[0]["tasks"] == 2
    _, out, _ = run(capsys, "show", one)
    assert "given up" in out


def test_what_holds_nothing_is_refused(slow: Sandbox, capsys: Any) -> None:
    """Without an id it is a wrong use; a task that has ended has nothing to give up."""
    assert run(capsys, "give-up")[0] == 2
    (one,) = made()
    with Kling() as kling:
        row = kling.tasks.ledger.get(one)
        assert row is not None
        done = dict(row.raw) | {"task_status": "failed"}
        kling.tasks.ledger.observe("text_to_video", [read(done)])
    code, _, err = run(capsys, "give-up", one)
    assert code == 1
    assert "has ended (failed)" in err


def test_both_clients(slow: Sandbox) -> None:
    """The same in Python, with and without `await`."""
    one, two = made(2)
    with Kling() as kling:
        assert kling.tasks.give_up(one).task_id == one

    async def other() -> str:
        async with AsyncKling() as kling:
            return (await kling.tasks.give_up(two)).task_id

    assert asyncio.run(other()) == two
    with Kling() as kling:
        assert kling.tasks.ledger.queue("video").busy == 0


def test_the_magic(slow: Sandbox, capsys: Any) -> None:
    """In a notebook, and `%kling` alone says what is in doubt."""
    (one,) = made()
    shell: Any = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "kling_jupyter")
    try:
        shell.run_line_magic("kling", f"give-up {one}")
        assert "holds no slot" in capsys.readouterr().out
        shell.run_line_magic("kling", "")
        told = capsys.readouterr().out
        assert f"{one[-8:]}: given up" in told
        assert "Running:" not in told
    finally:
        shell.run_line_magic("unload_ext", "kling_jupyter")
