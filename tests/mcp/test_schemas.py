"""From declarations to schemas, and the strict reading of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from kling_core.declare import registry
from kling_mcp import schemas

SCHEMA = schemas.object_schema(
    {
        "text": {"type": "string", "maxLength": 3},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "flag": {"type": "boolean"},
        "word": {"type": "string", "enum": ["on", "off"]},
        "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        "place": schemas.object_schema({"x": {"type": "integer"}}, ["x"]),
        "any": {"type": "object", "additionalProperties": True},
    },
    ["text"],
)


@pytest.mark.parametrize(
    "given",
    [
        {"text": "abc"},
        {"text": "abc", "count": 9, "share": 1, "flag": False, "word": "off"},
        {"text": "", "list": [1, 2], "place": {"x": 0}, "any": {"y": []}},
        {"text": "abc", "count": 5.0, "share": 0.5},
        {"text": "abc", "count": None},
    ],
)
def test_right(given: dict[str, Any]):
    assert schemas.judge(SCHEMA, given) == []


@pytest.mark.parametrize(
    "given,field,problem,valid",
    [
        ({}, "text", "is required", "text=…"),
        ({"text": None}, "text", "is required", "text=…"),
        ({"text": 5}, "text", "5 is not a string", ""),
        ({"text": "abcd"}, "text", "has 4 characters", "at most 3"),
        ({"text": "a", "texd": 1}, "texd", "no such argument; did you mean text?", "text"),
        (
            {"text": "a", "count": "5"},
            "count",
            "'5' is not an integer",
            "an integer, not in quotes",
        ),
        ({"text": "a", "count": 5.5}, "count", "5.5 is not an integer", ""),
        ({"text": "a", "count": True}, "count", "True is not an integer", ""),
        ({"text": "a", "count": 0}, "count", "0 is out of range", "1 to 9"),
        ({"text": "a", "share": "0.5"}, "share", "is not a number", "a number, not in quotes"),
        ({"text": "a", "share": -1}, "share", "out of range", "0 to 1"),
        ({"text": "a", "share": float("nan")}, "share", "nan is not a number", ""),
        ({"text": "a", "share": float("inf")}, "share", "inf is not a number", ""),
        ({"text": "a", "flag": "true"}, "flag", "is not a boolean", "a boolean, not in quotes"),
        ({"text": "a", "flag": 1}, "flag", "1 is not a boolean", ""),
        ({"text": "a", "word": "yes"}, "word", "is not available", "on, off"),
        ({"text": "a", "list": 1}, "list", "1 is not an array", ""),
        ({"text": "a", "list": []}, "list", "has 0 entries", "1 to 2"),
        ({"text": "a", "list": ["1"]}, "list.0", "is not an integer", "not in quotes"),
        ({"text": "a", "place": {}}, "place.x", "is required", "x=…"),
        ({"text": "a", "place": {"x": 1, "z": 2}}, "place.z", "no such argument", "x"),
    ],
)
def test_wrong(given: dict[str, Any], field: str, problem: str, valid: str):
    """Each names the place, the problem, and what would be valid."""
    (violation,) = schemas.judge(SCHEMA, given)
    assert violation.field == field
    assert problem in violation.message
    assert valid in violation.valid


def test_all_at_once():
    assert len(schemas.judge(SCHEMA, {"count": "1", "share": 2, "x": 1, "list": [1, "2", 3]})) == 6


def test_the_plainest_spelling():
    """Of several types that a field takes, the one that is easiest to give."""
    known, required = schemas.fields(registry.get("image_to_video"))
    assert required == []
    assert known["duration"]["type"] == "integer"
    assert known["sound"]["type"] == "boolean"
    assert known["camera_control"]["type"] == "string"
    assert known["element_list"]["items"] == {"type": "integer"}
    assert known["voice_list"]["items"] == {"type": "string"}
    assert known["multi_prompt"]["items"]["required"] == ["prompt", "duration"]
    assert known["dynamic_masks"]["items"]["properties"]["mask"] == {"type": "string"}
    assert known["mode"] == {
        "type": "string",
        "enum": ["std", "pro", "4k"],
        "default": "std",
        "description": "Quality: std (720p), pro (1080p), 4k where the model has it",
    }


@pytest.mark.parametrize("endpoint", registry.endpoints(), ids=lambda e: e.name)
def test_an_example_fits(endpoint: Any):
    """The example of each declaration passes as an agent would give it."""
    known, required = schemas.fields(endpoint)
    assert schemas.judge(schemas.object_schema(known, required), endpoint.example) == []
