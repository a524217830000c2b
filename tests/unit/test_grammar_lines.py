"""How a line with `%kling` reaches the magic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from kling_jupyter.parsing.input_transform import KlingLine


def transformed(cell: str) -> str:
    """The cell as Python, by the rules of IPython and ours."""
    manager = TransformerManager()
    manager.token_transformers.append(KlingLine)
    return manager.transform_cell(cell)


def calls(cell: str) -> list[str]:
    """What the magic is called with when the cell runs."""
    lines: list[str] = []

    class Shell:
        def run_line_magic(self, name, line):
            assert name == "kling"
            lines.append(line)

    exec(transformed(cell), {"get_ipython": Shell})
    return lines


@pytest.mark.parametrize(
    "line",
    [
        "text-to-video is it a cat?",
        "text-to-video is it a cat??",
        "text-to-video it's late, isn't it?",
        "text-to-video two blanks at the end  ",
        'text-to-video """ and ( and [',
        "text-to-video a = b, # not a comment?",
        "text-to-video $x {y} !ls \\n",
        "text-to-video 雨の中の紙の船 🚢?",
    ],
)
@pytest.mark.parametrize(
    "head", ["%kling ", "task = %kling ", "d['k'] = %kling ", "if 1:\n  %kling "]
)
def test_the_line_arrives_as_it_was_typed(head, line):
    """A question mark, quotes, brackets, comments and blanks are the prompt's own."""
    before = "d = {}\n" if head.startswith("d[") else ""
    assert calls(f"{before}{head}{line}\nafter = 1\n") == [line]


# Characters that end a line for Python's tokenizer cannot stand in a line.
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_no_line_is_changed(prompt):
    """Whatever is typed on one line arrives unchanged, unless a backslash continues the line."""
    text = f"text-to-video a {prompt}"
    if not text.endswith("\\"):
        assert calls(f"%kling {text}\n") == [text]


def test_strings_are_left_alone():
    """A line of a string that looks like the magic stays a string."""
    cell = 's = """\n%kling a cat?\n"""\n'
    assert transformed(cell) == cell


def test_help_on_the_magic_stays_help():
    """`%kling?` still asks IPython about the magic."""
    assert "pinfo" in transformed("%kling?\n")


def test_other_magics_are_left_to_ipython():
    """Only our own magic is read by our rule."""
    assert "pinfo" in transformed("%timeit?\n")
    assert "run_line_magic('time', 'x = 1')" in transformed("%time x = 1\n")


def test_lines_may_be_continued():
    """A backslash at the end continues the line, as in every magic."""
    assert calls("%kling text-to-video a \\\n boat?\n") == ["text-to-video a   boat?"]
