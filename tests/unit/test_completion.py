"""What Tab offers after `%kling`, asked of IPython's completer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image
from traitlets.config import Config

from kling_core.commands.arguments import Parser
from kling_core.declare import registry
from kling_jupyter.commands.base import COMMANDS


@pytest.fixture
def shell(kling, tmp_path, monkeypatch):
    """A shell with some variables, in a folder with some files."""
    monkeypatch.chdir(tmp_path)
    for name in ("boat.png", "my boat.png", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "stills").mkdir()
    (tmp_path / "stills" / "barn.jpg").touch()
    made: Any = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "kling_jupyter")
    made.magics_manager.registry["KlingMagics"].workspace._client = kling
    made.user_ns.update(photo=Image.new("RGB", (8, 8)), room="blue", number=3, table={}, _own="x")
    yield made
    made.run_line_magic("unload_ext", "kling_jupyter")


def complete(shell, before: str, after: str = "") -> list[str]:
    """The text of each completion at the place between, in order."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(before + after, len(before)))
    return [one.text for one in found]


@pytest.mark.parametrize(
    "head", ["%kling ", "%%kling ", "clip = %kling ", "if 1:\n    x = %kling "]
)
def test_commands_come_first(shell, head):
    """Endpoints by their names and aliases, and every other command."""
    found = complete(shell, head)
    assert {e.command for e in registry.endpoints()} <= set(found)
    assert {alias for e in registry.endpoints() for alias in e.aliases} <= set(found)
    assert set(COMMANDS) <= set(found)
    assert complete(shell, f"{head}text-to-v") == ["text-to-video"]


@pytest.mark.parametrize("endpoint", registry.endpoints(), ids=lambda e: e.name)
def test_every_field_of_every_endpoint_is_an_option(shell, endpoint):
    """The options come from the declaration; the prompt needs none."""
    found = complete(shell, f"%kling {endpoint.command} --")
    fields = set(endpoint.request.params()) - {endpoint.positional}
    assert len(found) >= len(fields)
    assert f"--{endpoint.positional.replace('_', '-')}" not in found
    assert {"--name", "--out", "--dry-run", "--max-cost"} <= set(found)
    assert complete(shell, f"%kling {endpoint.command} --dry") == ["--dry-run"]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda c: c.name)
def test_every_command_completes(shell, command):
    """No command makes Tab fail, and every option that it declares is offered."""
    made = Parser(prog=command.name)
    getattr(command.loaded(), "options", lambda _: None)(made)
    declared = {flag for flag in made.actions() if flag.startswith("--")} - {"--help"}
    found = {word for word in complete(shell, f"%kling {command.name} --") if word != "--"}
    assert declared <= found


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("%kling t2v --model-name ", "kling-v2-6"),
        ("%kling t2v --model-name=kling-v2", "kling-v2-6"),
        ("%kling t2v --model ", "kling-v2-6"),
        ("clip = %kling t2v --mode p", "pro"),
        ("%kling quote t2v --du", "--duration"),
        ("%kling effects --effect-scene h", "horse_mask"),
        ("%kling lip-sync --voice-id ", "girlfriend_4_speech02"),
        ("%kling t2v --sound ", "off"),
        ("%kling help con", "connect"),
        ("%kling models image", "image-generation"),
        ("%kling i2v --image b", "boat.png"),
        ("%kling i2v --image m", '"my boat.png"'),
        ("%kling i2v --image 'm", "'my boat.png'"),
        ("%kling i2v --image stills/", "stills/barn.jpg"),
        ("%kling t2v --out st", "stills/"),
        ("%kling i2v --image ", "{photo}"),
        ("%kling brush {ph", "{photo}"),
        ("%kling camera {ph", "{photo}"),
        ("%kling t2v a boat in a {ro", "{room}"),
        ("%%kling t2v\na boat in a {ro", "{room}"),
        ("%%kling t2v\na boat\n---\ndur", "duration: "),
        ("%%kling t2v\na boat\n---\nmode: ", "pro"),
        ("%%kling t2v\na boat\n---\n--asp", "--aspect-ratio"),
        ("%kling i2v --image {photo.si", "{photo.size}"),
    ],
)
def test_values_are_offered(shell, typed, offered):
    """Models, modes, scenes, voices, files and variables, each where it fits."""
    assert offered in complete(shell, typed)


def test_what_does_not_fit_is_not_offered(shell):
    """Objects are no words, hidden files no pictures, and what is given is not offered again."""
    assert complete(shell, "%kling t2v a {") == ["{room}", "{number}"]
    assert ".hidden.png" not in complete(shell, "%kling i2v --image ")
    assert "--duration" not in complete(shell, "%kling t2v --duration 5 --")
    assert "--image" in complete(shell, "%kling multi-image-to-video --image a.png --")


def test_tasks_of_the_ledger_are_offered(shell):
    """The newest first, by Kling's ids."""
    shell.run_cell("one = %kling image a barn\ntwo = %kling image a mill")
    ids = [shell.user_ns[name].task_id for name in ("two", "one")]
    assert complete(shell, "%kling get ")[:2] == ids
    assert complete(shell, f"%kling get {ids[0][:-2]}") == [ids[0]]


def test_a_prompt_is_no_python(shell):
    """In prose nothing of Python's completion is offered; elsewhere all is as before."""
    assert complete(shell, "%kling t2v a boat in the pri") == ["pri"]
    assert "print" in complete(shell, "pri")
    assert "kling" not in str(complete(shell, "x = '%kling te"))


def test_completion_is_quick(shell):
    """Warm, each takes less than 50 ms."""
    lines = ("%kling ", "%kling t2v --", "%kling i2v --image ", "%kling get ", "%%kling t2v\na {")
    for line in lines:
        complete(shell, line)
        spent = min(_seconds(lambda line=line: complete(shell, line)) for _ in range(5))
        assert spent < 0.05, line


def test_unloading_leaves_completion_to_ipython(shell):
    """After unload_ext nothing of ours is offered."""
    shell.run_line_magic("unload_ext", "kling_jupyter")
    assert "text-to-video" not in complete(shell, "%kling te")
    shell.run_line_magic("load_ext", "kling_jupyter")


def _seconds(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
