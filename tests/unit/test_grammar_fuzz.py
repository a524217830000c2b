"""No prompt is ever changed, whatever is typed, through IPython's own reading of a cell.

It is refused, or sent as it was typed.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kling_core.commands.arguments import UsageProblem
from kling_jupyter.commands import generate
from kling_jupyter.parsing import grammar
from kling_jupyter.settings import Settings

LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=60)
# fmt: off
ODD = st.sampled_from(
    (
        "---", "--", "-d 5", "?", "??", "{", "}", "{x}", "{{x}}", "{0}", '"', "'", "\\", "%",
        "%%", "!", "#", ";", "$x", "%kling", "duration: 5", "note: x", "http://a", " ", "\t",
        "雨", "🚢", "\u200b", "----", "—", "- duration: 5", "duration = 5",
    )
)
# fmt: on
SUSPECT = re.compile(r"""[{$#=@"'\u2010-\u2015\u2212]|(^|\s)-""")
"""What reads as something else than a prompt; without it nothing is refused."""
WORDS = st.lists(st.one_of(LINE, ODD), max_size=6).map(" ".join)
PIECE = st.one_of(WORDS, ODD, ODD.map("{}\r".format), st.text(max_size=30))
BODY = st.lists(PIECE, max_size=6).map("\n".join)


@pytest.fixture(scope="module")
def read():
    """What is read of a cell that IPython runs: a `Generation`, or the `UsageProblem`."""
    quiet = Config({"HistoryManager": {"enabled": False}})
    shell: Any = InteractiveShell(config=quiet)
    shell.run_line_magic("load_ext", "kling_jupyter")
    found: list[Any] = []

    def record(workspace, endpoint, line):
        try:
            typed = grammar.generation(endpoint, line.rest, line.cell, line.names)
        except UsageProblem as problem:
            typed = problem
        found.append(typed)

    def run(cell: str) -> Any:
        found.clear()
        outcome = shell.run_cell(cell, store_history=False)
        outcome.raise_error()
        (typed,) = found
        return typed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "run", record)
        yield run
    shell.run_line_magic("unload_ext", "kling_jupyter")


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(prompt=WORDS)
@example(prompt="it isn't?  ")
@example(prompt="ends in ;")
@pytest.mark.parametrize("head", ["%kling ", "clip = %kling "])
def test_a_line_arrives_as_it_was_typed(read, head, prompt):
    """From the first word that is no option to the end of the line, blanks and marks included."""
    text = f"a {prompt}"
    if text.endswith("\\"):  # it continues the line, as in all of Python
        return
    assert read(f"{head}text-to-video -d 5 --raw {text}\n").fields["prompt"] == text
    typed = read(f"{head}text-to-video -d 5 {text}\n")
    if isinstance(typed, UsageProblem):
        assert SUSPECT.search(text)
    else:
        assert typed.fields["prompt"] == text


@SETTINGS
@given(body=BODY)
@example(body="a boat\n---\nnothing of the kind")
@example(body="---")
@example(body="a\n---\n---\n")
@example(body="a\n\n --- \r\nduration: 5\n")
@example(body="a\n—\n- duration: 5")
@example(body="a\n----\nCamera: pans\nLight: low")
@example(body="a\n... and then\n>>> it\nIn [1]: rains\n ")
def test_a_cell_arrives_as_it_was_typed(read, body):
    """All of the body but its last line break, unless fields are meant below a line ---.

    A cell is refused only for what reads as something else.
    """
    typed, whole = read(f"%%kling text-to-video\nx{body}\n"), f"x{body}"
    if isinstance(typed, UsageProblem):
        assert SUSPECT.search(whole)
        return
    prompt, rest = typed.fields["prompt"], set(typed.fields) - {"prompt"}
    if prompt == whole.removesuffix("\r"):
        return
    assert rest or typed.settings != Settings()
    assert re.match(r"\r?\n(\r?\n)?\s*---\s*\n", whole.removeprefix(prompt))


@SETTINGS
@given(body=BODY)
def test_raw_takes_everything(read, body):
    """With --raw neither braces nor fields are looked for."""
    typed = read(f"%%kling text-to-video --raw\nx{body}\n")
    assert typed.fields == {"prompt": f"x{body}".removesuffix("\r")}
    assert typed.notes == ()


@pytest.mark.parametrize(
    "below, fields",
    [
        ("duration: 10", {"duration": "10"}),
        ("negative-prompt: blurry, text", {"negative_prompt": "blurry, text"}),
        ("negative_prompt: 'a: b'", {"negative_prompt": "a: b"}),
        (
            "Model: kling-v3\n\n-d 10 --mode pro",
            {"model_name": "kling-v3", "duration": "10", "mode": "pro"},
        ),
        ("sound: on\nmulti-shot:", {"sound": "on", "multi_shot": True}),
        ("camera: zoom=5", {"camera_control": "zoom=5"}),
    ],
)
@pytest.mark.parametrize("mark", ["---", "--- ", "  ---\t", "---\u00a0"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fields_stand_below_a_mark(read, below, fields, mark, end):
    """Names and options after a line --- are fields, and the prompt ends before it."""
    cell = f"a boat\n{mark}\n{below}\n".replace("\n", end)
    typed = read(f"%%kling text-to-video\n{cell}")
    assert typed.fields == {**fields, "prompt": "a boat"}
    assert typed.notes == ()


def test_a_cell_of_windows_lines_ends_without_a_carriage_return(read):
    """The last line break is dropped whole; those within the prompt stay."""
    assert read("%%kling text-to-video\na boat\r\nat sea\r\n").fields == {
        "prompt": "a boat\r\nat sea"
    }


def test_settings_stand_below_a_mark_too(read):
    """The options that are no fields of the request may stand there as well."""
    typed = read(
        "%%kling text-to-video\na boat\n---\nname: clip\nout: clips/\nno-wait:\nmax-cost: 1\n"
    )
    assert typed.settings == Settings(name="clip", out="clips/", wait=False, max_cost="1")


@pytest.mark.parametrize(
    "below, says",
    [
        ("durration: 10", "did you mean duration?"),
        ("duration: 10\nfoo: 3", "there is no field 'foo'"),
        ("duration: 10\nand so on", "'and so on' is neither name: value nor an option"),
        ("duration:", "--duration needs a value"),
        ("dry-run: maybe", "neither on nor off"),
        ("prompt: twice", "given twice"),
        ("duration: 10\n- mode: pro", "'- mode: pro' is neither name: value nor an option"),
        ("- duration: 10", "'- duration: 10' below --- reads as a field"),
        ("duration = 10\nmode=pro", "'duration = 10' below --- reads as a field"),
        ("\u2014duration 10", "'\u2014duration 10' below --- reads as a field"),
        ("duration: 10\n---\nmode: pro", "'duration: 10' below --- reads as a field"),
        ("duration: 10\n---", "'duration: 10' below --- reads as a field"),
        ("duration: 10\nmode: pro\nduration: 5", "--duration is given twice: as 10 and as 5"),
        ("sound: on\n--no-sound", "--no-sound is given twice: as on and as off"),
    ],
)
def test_mistakes_below_the_mark_are_refused(read, below, says):
    """What was probably meant as a field and is none is never paid for as a prompt."""
    typed = read(f"%%kling text-to-video\na boat\n---\n{below}\n")
    assert isinstance(typed, UsageProblem)
    assert says in str(typed)


@pytest.mark.parametrize("mark", ["----", "\u2014--", "\u2014", "--", "---\u200b", " -----"])
def test_fields_below_what_is_nearly_the_mark_are_refused(read, mark):
    """Nothing but fields stands below a line of dashes: it is not paid for as a prompt."""
    typed = read(f"%%kling text-to-video\na boat\n{mark}\nduration: 10\nmax_cost: 0.10\n")
    assert isinstance(typed, UsageProblem)
    assert f"'duration: 10' below {mark.strip()} reads as a field" in str(typed)


@pytest.mark.parametrize(
    "body, noted",
    [
        ("a boat\n----\nCamera: pans left\nthe sea is calm", ["'Camera: pans left' below ----"]),
        ("a boat\n---\n- duratoin: 10", ["'- duratoin: 10' below ---"]),
        ("a boat\n---\nduration 10", ["'duration 10' below ---"]),
        ("a\n---\nmode: pro\nlow tide\n---\n", ["'mode: pro' below ---"]),
        ("a boat\n---\nhttp: //x", ["'http: //x' below ---"]),
        ("a boat\n---\nnight: dark\n- waves\nx = y", []),
        ("one\n\u2014\ntwo", []),
        ("- a list\n- of things", []),
    ],
)
def test_what_may_be_text_is_sent_and_noted(read, body, noted):
    """What may be text as well as a field goes out as it stands, and the reader is told."""
    typed = read(f"%%kling text-to-video\n{body}\n")
    assert typed.fields == {"prompt": body}
    assert len(typed.notes) == len(noted)
    assert all(note.startswith(words) for note, words in zip(typed.notes, noted, strict=True))


def test_options_that_begin_a_cell_are_refused(read):
    """A first line of nothing but options was meant for the line above."""
    typed = read("%%kling text-to-video\n--duration 10 --sound\na boat\n")
    assert isinstance(typed, UsageProblem)
    assert "'--duration 10 --sound' begins the cell" in str(typed)


@pytest.mark.parametrize(
    "below, settings",
    [
        ("wait: true", Settings(wait=True)),
        ("wait: false", Settings(wait=False)),
        ("no-wait: off", Settings(wait=True)),
        ("dry-run: no\nname: clip", Settings(name="clip")),
    ],
)
def test_settings_below_a_mark_may_be_switched_off(read, below, settings):
    """What can be on can be off."""
    assert read(f"%%kling text-to-video\na boat\n---\n{below}\n").settings == settings
