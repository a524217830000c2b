"""Wording that many messages share."""

from __future__ import annotations

from kling_core.words import did_you_mean, nearest, ranges


def test_ranges():
    """Neighbouring numbers become a range."""
    assert ranges([10, 5]) == "5, 10"
    assert ranges(range(3, 16)) == "3-15"
    assert ranges([1, 2, 4]) == "1-2, 4"
    assert ranges([]) == ""


def test_near_words():
    """The best first; nothing where nothing is near."""
    assert nearest("promt", ["mode", "prompt"]) == ["prompt"]
    assert did_you_mean("promt", ["prompt"]) == "; did you mean prompt?"
    assert did_you_mean("xyz", ["prompt"]) == ""
