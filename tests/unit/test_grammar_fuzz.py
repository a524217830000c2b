"""No prompt is ever changed, whatever is typed, through IPython's own reading of a cell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kling_core.cli.arguments import UsageProblem
from kling_jupyter import grammar
from kling_jupyter.commands import generate

LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=60)
# fmt: off
ODD = st.sampled_from(
    (
        "---", "--", "-d 5", "?", "??", "{", "}", "{x}", "{{x}}", "{0}", '"', "'", "\\", "%",
        "%%", "!", "#", ";", "$x", "%kling", "duration: 5", "note: x", "http://a", " ", "\t",
        "雨", "🚢", "\u200b",
    )
)
# fmt: on
WORDS = st.lists(st.one_of(LINE, ODD), max_size=6).map(" ".join)
BODY = st.lists(st.one_of(WORDS, ODD, st.text(max_size=30)), max_size=6).map("\n".join)


@pytest.fixture(scope="module")
def read():
    """What is read of a cell that IPython runs: a `Generation`, or the `UsageProblem`."""
    quiet = Config({"HistoryManager": {"enabled": False}})
    shell: Any = InteractiveShell(config=quiet)
    shell.run_line_magic("load_ext", "kling_jupyter")
    found: list[Any] = []

    def record(studio, endpoint, line):
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
    if not text.endswith("\\"):  # it continues the line, as in all of Python
        assert read(f"{head}text-to-video -d 5 {text}\n").fields["prompt"] == text


@SETTINGS
@given(body=BODY)
@example(body="a boat\n---\nnothing of the kind")
@example(body="---")
@example(body="a\n---\n---\n")
@example(body="a\n... and then\n>>> it\nIn [1]: rains\n ")
def test_a_cell_arrives_as_it_was_typed(read, body):
    """All of the body but its last line break, unless fields are meant below a line ---."""
    typed = read(f"%%kling text-to-video\nx{body}\n")
    assert not isinstance(typed, UsageProblem) or "\n---" in body
    if not isinstance(typed, UsageProblem):
        prompt, rest = typed.fields["prompt"], set(typed.fields) - {"prompt"}
        meant = rest or typed.settings != grammar.Settings()
        assert prompt == f"x{body}" or (meant and f"x{body}".startswith(f"{prompt}\n---"))


@SETTINGS
@given(body=BODY)
def test_raw_takes_everything(read, body):
    """With --raw neither braces nor fields are looked for."""
    typed = read(f"%%kling text-to-video --raw\nx{body}\n")
    assert typed.fields == {"prompt": f"x{body}"}


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
def test_fields_stand_below_a_mark(read, below, fields):
    """Names and options after a line of exactly --- are fields, and the prompt ends before it."""
    typed = read(f"%%kling text-to-video\na boat\n---\n{below}\n")
    assert typed.fields == {**fields, "prompt": "a boat"}


def test_settings_stand_below_a_mark_too(read):
    """The options that are no fields of the request may stand there as well."""
    typed = read(
        "%%kling text-to-video\na boat\n---\nname: clip\nout: clips/\nno-wait:\nmax-cost: 1\n"
    )
    assert typed.settings == grammar.Settings(name="clip", out="clips/", wait=False, max_cost="1")


@pytest.mark.parametrize(
    "below, says",
    [
        ("durration: 10", "did you mean duration?"),
        ("duration: 10\nfoo: 3", "there is no field 'foo'"),
        ("duration: 10\nand so on", "'and so on' is neither name: value nor an option"),
        ("duration:", "--duration needs a value"),
        ("dry-run: maybe", "neither on nor true"),
        ("prompt: twice", "given twice"),
    ],
)
def test_mistakes_below_the_mark_are_refused(read, below, says):
    """What was probably meant as a field and is none is never paid for as a prompt."""
    typed = read(f"%%kling text-to-video\na boat\n---\n{below}\n")
    assert isinstance(typed, UsageProblem)
    assert says in str(typed)
