"""Wording that many messages share."""

from __future__ import annotations

import pytest

from kling_core.text import blank, did_you_mean, nearest, ranges


def test_ranges():
    """Neighbouring numbers become a range."""
    assert ranges([10, 5]) == "5, 10"
    assert ranges(range(3, 16)) == "3-15"
    assert ranges([1, 2, 4]) == "1-2, 4"
    assert ranges([]) == ""


@pytest.mark.parametrize(
    "text",
    ["", "  ", "\t\n", "\u00a0\u3000", "\u200b\ufeff", "\u2800\u3164", "\ufe0f\u2060", "\x00"],
)
def test_a_text_of_which_nothing_is_seen_is_blank(text):
    """Blanks of every width, joiners, fillers and control characters leave no trace."""
    assert blank(text)
    assert not blank(f"{text}.{text}")


@pytest.mark.parametrize("text", ["雨", "🚢", "ー", "´", "\u0301", "?"])
def test_what_is_seen_is_not_blank(text):
    """One letter, sign or mark is a text."""
    assert not blank(text)


def test_near_words():
    """The best first; nothing where nothing is near."""
    assert nearest("promt", ["mode", "prompt"]) == ["prompt"]
    assert did_you_mean("promt", ["prompt"]) == "; did you mean prompt?"
    assert did_you_mean("xyz", ["prompt"]) == ""
