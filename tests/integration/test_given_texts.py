"""Prompts that are not typed: `-`, `@file`, a pipe; in the encodings that editors write."""

from __future__ import annotations

import codecs
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kling_core import text_files
from kling_core.cli.main import main

BOAT = "纸船, a paper boat"


@pytest.fixture
def kling(tmp_path, monkeypatch, capsys):
    """Runs a dry run in an empty folder; its exit code, its body, and what it says.

    `piped` is what another program writes, `stdin` a descriptor that is there already.
    """
    for name in [name for name in os.environ if name.startswith("KLING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*argv, piped=None, stdin=None, endpoint="text-to-video"):
        Path("piped").write_bytes(piped or b"")
        source = "piped" if piped is not None else os.devnull
        opened = os.fdopen(os.dup(stdin) if stdin is not None else os.open(source, os.O_RDONLY))
        with opened, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", opened)
            code = main(["run", endpoint, *argv, "--dry-run"])
        return code, *capsys.readouterr()

    return run


MARKED = {
    "utf-8": BOAT.encode(),
    "utf-8 with a mark": codecs.BOM_UTF8 + BOAT.encode(),
    "utf-16 of Notepad": codecs.BOM_UTF16_LE + BOAT.encode("utf-16-le"),
    "utf-16, the other way": codecs.BOM_UTF16_BE + BOAT.encode("utf-16-be"),
    "utf-32": codecs.BOM_UTF32_LE + BOAT.encode("utf-32-le"),
}


@pytest.mark.parametrize("data", MARKED.values(), ids=MARKED)
def test_marks_at_the_beginning(data):
    """What editors put there says how the text is to be read, and is no part of it."""
    assert text_files.decode(data) == BOAT


@pytest.mark.parametrize("data", ["Café".encode("cp1252"), "boat".encode("utf-16-le"), b"\xff\xd8"])
def test_what_is_no_text_that_we_know(data):
    """An encoding is never guessed: the words that are paid for would be others."""
    with pytest.raises(ValueError, match="UTF-8"):
        text_files.decode(data)


@pytest.mark.parametrize("argv", [["-"], ["--prompt", "-"], ["--prompt=-"], []])
@pytest.mark.parametrize("data", MARKED.values(), ids=MARKED)
def test_a_prompt_that_is_piped(kling, argv, data):
    """With a dash, by the option, or without any word."""
    code, out, err = kling(*argv, piped=data)
    assert code == 0, err
    assert f'"prompt": "{BOAT}"' in out


@pytest.mark.parametrize("argv", [["@my prompt.txt"], ["--prompt", "@my prompt.txt"]])
def test_a_prompt_in_a_file(kling, argv):
    """Its lines are kept, the break at its end is not."""
    Path("my prompt.txt").write_bytes(codecs.BOM_UTF8 + b"a boat\r\nin rain\r\n")
    code, out, err = kling(*argv)
    assert code == 0, err
    assert r'"prompt": "a boat\nin rain"' in out


@pytest.mark.parametrize("line", ["echo a boat | kling -", "kling < prompt.txt"])
def test_a_shell(kling, line):
    """The whole program, behind a real pipe and a real redirection."""
    Path("prompt.txt").write_text("a boat\n")
    run = f"{sys.executable} -m kling_core.cli.main run text-to-video --dry-run"
    done = subprocess.run(
        ["bash", "-c", line.replace("kling", run)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b'"prompt": "a boat"' in done.stdout


def test_other_texts_and_shots(kling):
    """Every text takes them, and a file of JSON may begin with a mark."""
    Path("not.txt").write_text("rain")
    code, out, err = kling("a boat", "--model-name", "kling-v1-6", "--negative-prompt", "@not.txt")
    assert code == 0, err
    assert '"negative_prompt": "rain"' in out
    Path("shots.json").write_bytes(codecs.BOM_UTF8 + b'[{"duration": 5, "prompt": "a boat"}]')
    argv = ["--model-name", "kling-v3", "--multi-shot", "--shot-type", "customize"]
    code, out, err = kling(*argv, "--shot", "@shots.json")
    assert code == 0, err


@pytest.mark.parametrize(
    "argv, data, words",
    [
        (["-"], b"", "is empty"),
        (["-"], b" \n", "is empty"),
        (["-"], "Café".encode("cp1252"), "UTF-8"),
        (["-", "--negative-prompt", "-"], b"a boat", "one text only"),
        (["-"], b"x" * 1_000_001, "longer than"),
        (["@none.txt"], b"a boat", "none.txt cannot be read"),
        (["@."], b"a boat", "cannot be read"),
        ([], b"12", "no letter"),
    ],
)
def test_a_text_that_cannot_be_had(kling, argv, data, words):
    """Nothing is sent in its place."""
    code, out, err = kling(*argv, piped=data)
    assert code in (1, 2)
    assert words in err
    assert out == ""


def test_names_of_elements_are_words(kling):
    """`@name` in a prompt is a reference, and no file."""
    code, out, err = kling("@hero walks a dog")
    assert code == 0, err
    assert '"prompt": "@hero walks a dog"' in out


@pytest.mark.parametrize("argv, words", [(["-"], "piped in, and nothing is"), ([], "is missing")])
def test_a_keyboard_is_not_waited_for(kling, argv, words):
    """In a terminal nothing is piped in, so nothing hangs."""
    ours, theirs = pty.openpty()
    try:
        code, _, err = kling(*argv, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert code in (1, 2)
    assert words in err


def test_stdin_is_left_to_the_script(kling):
    """A loop's `read` keeps its lines where the prompt is given, or is not needed."""
    ours, theirs = os.pipe()
    os.write(theirs, b"the next line")
    try:
        assert kling("a boat", stdin=ours)[0] == 0
        image = "https://example.com/a.png"
        assert kling("--image", image, stdin=ours, endpoint="image-to-video")[0] == 0
        os.close(theirs)
        assert os.read(ours, 100) == b"the next line"
    finally:
        os.close(ours)
