"""Slips of the hand in `%kling` lines and cells: nothing is sent, and nothing is paid for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.shell import Shell
from IPython.core.completer import provisionalcompleter

from kling_jupyter.jobs.files import place


@pytest.fixture
def shell(kling, tmp_path, monkeypatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    made = Shell(kling)
    made["name"] = "bob"
    yield made
    made.close()


SLIPS = (
    "{nmae} walks a dog",
    "{name.uper()} waves",
    "{} walks a dog",
    "$name walks a dog",
    "a boat --duration 10",
    "a boat —ar 9:16",
    "—dry-run a boat",
    "duration=10 a boat",
    "a boat   # a job",
    "-",
    "@nowhere.txt",
    '"a boat',
    "--out my --image",
    '--out "my clips a boat',
)


@pytest.mark.parametrize("slip", SLIPS)
def test_nothing_is_sent_for_a_slip(shell, quick_sandbox, slip):
    """As a line, as a cell, as a quote: the cell fails before anything leaves."""
    before = len(quick_sandbox.tasks)
    for head in ("%kling text-to-video ", "clip = %kling text-to-video ", "%kling quote t2v "):
        shell.fails(head + slip)
    if "#" not in slip and "--out" not in slip:
        shell.fails(f"%%kling text-to-video\n{slip}\n")
    assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize("slip", SLIPS[:8])
def test_nothing_is_sent_for_a_slip_in_a_rerun(shell, quick_sandbox, slip):
    """A change is judged as the line itself, and --raw means it there too."""
    shell.run("clip = %kling image a boat")
    before = len(quick_sandbox.tasks)
    shell.fails(f"%kling rerun {{clip}} --set prompt='{slip}'")
    assert len(quick_sandbox.tasks) == before
    shell.run(f"again = %kling rerun {{clip}} --raw --set prompt='{slip}'")
    assert shell["again"].request.given["prompt"] == slip


def test_a_loop_over_prompts_sends_each(shell):
    """Expressions are evaluated anew in each turn, with the variables of functions too."""
    shell["prompts"] = ["a red boat", "a blue boat"]
    shell.run(
        "jobs = []\nfor i in range(2):\n    _ = %kling image {prompts[i]}\n    jobs.append(_)"
    )
    shell.run(
        "def make(local):\n"
        "    return get_ipython().run_line_magic('kling', 'image no {i + 1}: {local.upper()}')\n"
        "jobs.append(make('x'))"
    )
    sent = [job.request.given["prompt"] for job in shell["jobs"]]
    assert sent == ["a red boat", "a blue boat", "no 2: X"]


def test_what_was_computed_is_told(shell, capsys):
    """The reader sees what an expression became, with what was sent."""
    shell.run("%kling image a {name.upper()}")
    assert "{name.upper()} is 'BOB'; the rest of the prompt is left as it is" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("comment", ["  # where am I?", " # --wide", "   #later"])
@pytest.mark.parametrize(
    "line",
    ["", "help", "costs --by project", "models image", "gallery nothing", "resume", "wait all",
     "show {clip}", "compare {clip} {clip}", "code {clip}", "get {clip}", "tasks nothing"],
)  # fmt: skip
def test_a_comment_behind_a_command_is_dropped(shell, capsys, line, comment):
    """Commands that take no prompt say what they say without it."""
    shell.run("clip = %kling image a boat\nclip.wait()")
    shell.run("%kling resume")  # the ledger is that of the tests before, too
    said: list[str] = []
    for end in ("", comment):
        capsys.readouterr()
        shell.run(f"%kling {line}{end}")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


@pytest.mark.parametrize("line", ["doctor", "rescue", "connect --sandbox"])
def test_a_comment_changes_no_other_command_either(shell, line):
    """What they say is never the same twice."""
    shell.run(f"%kling {line}  # a comment")


def test_a_place_is_left_to_the_core(tmp_path):
    """A folder, with a slash at its end, or a file: as the core tells them apart."""
    default = Path("kling_outputs")
    assert place("renders/v1.5", tmp_path, default) == f"{tmp_path / 'renders' / 'v1.5'}{os.sep}"
    assert place("clips", tmp_path, default) == f"{tmp_path / 'clips'}{os.sep}"
    assert place("clips/boat.mp4", tmp_path, default) == str(tmp_path / "clips" / "boat.mp4")
    assert place("clips.mp4/", tmp_path, default) == f"{tmp_path / 'clips.mp4'}{os.sep}"
    assert place(None, tmp_path, default) == f"{tmp_path / default}{os.sep}"


def test_the_home_of_nobody_is_told_before_anything_is_sent(shell, quick_sandbox):
    """`~name` of a user who is not there: one line, and nothing to Tab."""
    before = len(quick_sandbox.tasks)
    error = shell.fails("%kling text-to-video --out ~nobodyhere/x a boat")
    assert "'~nobodyhere/x' is no place for files" in str(error)
    assert len(quick_sandbox.tasks) == before
    typed = "%kling image-to-video --image ~nobodyhere/"
    with provisionalcompleter():
        assert [c.text for c in shell.ip.Completer.completions(typed, len(typed))] in (
            [],
            ["~nobodyhere/"],
        )
