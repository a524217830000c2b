"""Arguments as hosts and models send them: read as what they mean, and never as a yes to spend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import ERAS, in_loop, server
from helpers.every_tool import data_uri
from helpers.walk import example
from mcp import Client

from kling_core import Sandbox
from kling_core.declare import registry
from kling_mcp import arguments, schemas
from kling_mcp.settings import Settings, toolset_names
from kling_mcp.tools import tools

PART = schemas.object_schema(
    {"prompt": {"type": "string"}, "duration": {"type": "integer"}, "note": {"type": "string"}},
    ["prompt", "duration"],
)
SCHEMA = schemas.object_schema(
    {
        "text": {"type": "string"},
        "task_id": {"type": "string"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "index": {"type": "integer", "minimum": 0},
        "share": {"type": "number", "minimum": 0},
        "flag": {"type": "boolean"},
        "word": {"type": "string", "enum": ["none", "some"]},
        "task_ids": {"type": "array", "items": {"type": "string"}},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "parts": {"type": "array", "items": PART},
        "place": schemas.object_schema({"x": {"type": "integer"}}),
        "action": {"type": "string"},
    },
    ["text"],
)
ALL = {tool.name: tool for tool in tools(Settings(toolsets=toolset_names()))}
ADDED = {
    **dict.fromkeys(("toolCallId", "tool_call_id", "sessionId", "requestId", "_sessionID"), "x1"),
    "_meta": {"progressToken": 1},
    "_as_extra": {},
    "chatInput": "make me a boat",
}


@pytest.mark.parametrize(
    "given,read",
    [
        # the host's own
        ({"toolCallId": "x", "_anything": {"y": [1]}}, {}),
        ({"action": "sendMessage"}, {"action": "sendMessage"}),  # the tool has one itself
        ({"tex": "x", "toolcallid": 1}, {"tex": "x", "toolcallid": 1}),  # to be refused
        # nothing
        ({"count": None, "word": "", "task_id": "  ", "parts": [], "place": {}}, {}),
        ({"task_id": "null", "share": "None", "parts": "undefined", "flag": ""}, {}),
        ({"task_ids": [""], "numbers": [None], "parts": "[]", "place": "{}"}, {}),
        ({"word": "none"}, {"word": "none"}),
        ({"text": ""}, {"text": ""}),  # it is required
        ({"text": None}, {"text": None}),
        ({"count": 0}, {}),
        ({"count": "0"}, {}),
        ({"index": 0, "share": 0, "flag": False}, {"index": 0, "share": 0, "flag": False}),
        # as text
        ({"task_ids": '["a", "b"]'}, {"task_ids": ["a", "b"]}),
        ({"task_ids": ' ["a"]\n'}, {"task_ids": ["a"]}),
        ({"task_ids": "a"}, {"task_ids": ["a"]}),
        ({"task_ids": 812345678901234567}, {"task_ids": ["812345678901234567"]}),
        ({"task_ids": [812345678901234567]}, {"task_ids": ["812345678901234567"]}),
        ({"task_id": 812345678901234567}, {"task_id": "812345678901234567"}),
        ({"numbers": "7"}, {"numbers": [7]}),
        ({"numbers": 7}, {"numbers": [7]}),
        ({"numbers": '["7", 8]'}, {"numbers": [7, 8]}),
        ({"place": '{"x": "3"}'}, {"place": {"x": 3}}),
        (
            {"parts": '[{"prompt": "a", "duration": "5", "note": ""}]'},
            {"parts": [{"prompt": "a", "duration": 5}]},
        ),
        (
            {"parts": ['{"prompt": "a", "duration": 5}']},
            {"parts": [{"prompt": "a", "duration": 5}]},
        ),
        (
            {"parts": {"prompt": "a", "duration": 5}},
            {"parts": [{"prompt": "a", "duration": 5}]},
        ),
        ({"count": "5", "share": "0.5"}, {"count": 5, "share": 0.5}),
        ({"count": " 5.0 ", "share": "1e-1"}, {"count": 5, "share": 0.1}),
        ({"flag": "true"}, {"flag": True}),
        ({"flag": "False"}, {"flag": False}),
        # what is not clear stays, to be refused
        ({"text": 5}, {"text": 5}),
        ({"text": ["a"]}, {"text": ["a"]}),
        ({"count": "five", "share": "nan", "flag": "yes"},) * 2,
        ({"count": "5.5", "share": "1e999", "flag": 1},) * 2,
        ({"count": "0x5", "share": "1_0", "numbers": True},) * 2,
        ({"count": "9" * 5000},) * 2,
        ({"task_ids": "['a', 'b']", "place": "{x: 1}"},) * 2,
        ({"task_ids": "[" * 100_000},) * 2,
    ],
)
def test_read(given: dict[str, Any], read: dict[str, Any]):
    assert arguments.read(SCHEMA, given) == read
    kinds = [type(value) for value in arguments.read(SCHEMA, given).values()]
    assert kinds == [type(value) for value in read.values()]


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_tool_has_an_argument_of_the_hosts(name: str):
    """Or it would be a question whose it is."""
    assert not arguments.HOSTS_OWN & ALL[name].strict["properties"].keys()


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_what_hosts_add(mode: str, quick_sandbox: Sandbox, tmp_path: Path):
    """It is judged by no tool, of none of the groups; a misspelt name of ours still is."""
    needs = {"task_id": "nothing-like-it", "task_ids": ["nothing-like-it"]}
    async with Client(server(quick_sandbox, tmp_path), mode=mode) as client:
        for name, tool in ALL.items():
            required: list[str] = tool.strict.get("required", [])
            known = {field: needs[field] for field in required if field in needs}
            if name == "kling_quote":
                quoted = {"prompt": "a boat", **ADDED}
                known = {"endpoint": "text_to_video", "arguments": quoted}
            if name.removeprefix("kling_") in registry.names():
                endpoint = registry.get(name.removeprefix("kling_"))
                known = {**example(endpoint, "123", data_uri), "dry_run": True}
            result = await client.call_tool(name, {**known, **ADDED})
            facts = result.structured_content
            assert "violations" not in facts, (name, facts)
            result = await client.call_tool(name, {**known, **ADDED, "promt": "x"})
            assert [v["field"] for v in result.structured_content["violations"]] == ["promt"]


@pytest.mark.parametrize("nothing", ["typed", None, "", "null"])
@in_loop
async def test_everything_optional_filled_in_with_nothing(
    nothing: Any, quick_sandbox: Sandbox, tmp_path: Path
):
    """As many models do: the request is that of the required arguments, and costs the same."""
    by_type = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
    async with Client(server(quick_sandbox, tmp_path)) as client:
        for endpoint in registry.endpoints():
            name = f"kling_{endpoint.name}"
            known = {**example(endpoint, "123", data_uri), "dry_run": True}
            filled = {
                field: by_type[schema["type"]] if nothing == "typed" else nothing
                for field, schema in ALL[name].strict["properties"].items()
                if field != "max_cost" or nothing != "typed"  # a limit of 0 is one
            }
            plain = await client.call_tool(name, known)
            made = await client.call_tool(name, {**filled, **known})
            assert not made.is_error, (name, made.content[0])
            assert made.structured_content["cost"] == plain.structured_content["cost"]


@in_loop
async def test_everything_as_text(quick_sandbox: Sandbox, tmp_path: Path):
    """A host that sends every value as the text of its JSON."""
    async with Client(server(quick_sandbox, tmp_path)) as client:
        for endpoint in registry.endpoints():
            name = f"kling_{endpoint.name}"
            known = {**example(endpoint, "123", data_uri), "dry_run": True, "max_cost": 50}
            texts = {
                field: value if isinstance(value, str) else json.dumps(value)
                for field, value in known.items()
            }
            plain = await client.call_tool(name, known)
            made = await client.call_tool(name, texts)
            assert made.structured_content == plain.structured_content, name
        quote = {"endpoint": "text_to_video", "arguments": '{"prompt": "x", "duration": "10"}'}
        made = await client.call_tool("kling_quote", quote)
        assert made.structured_content["cost"]["quote_usd"] == 0.42
        task = await client.call_tool("kling_text_to_video", {"prompt": "x", "wait_seconds": "0"})
        task_id = task.structured_content["task_id"]
        for ids in (task_id, json.dumps([task_id]), [task_id]):
            result = await client.call_tool("kling_wait_tasks", {"task_ids": ids})
            assert result.structured_content["tasks"][0]["state"] == "succeeded"


@pytest.mark.parametrize(
    "endpoint,valid", [("multi_image_to_video", "5 or 10"), ("video_effects", "5")]
)
@in_loop
async def test_lengths_between_are_refused_by_the_rules(
    endpoint: str, valid: str, quick_sandbox: Sandbox, tmp_path: Path
):
    """The schema gives bounds only, for there are hosts that take no enum of numbers."""
    async with Client(server(quick_sandbox, tmp_path)) as client:
        known = {**example(registry.get(endpoint), "123", data_uri), "dry_run": True}
        result = await client.call_tool(f"kling_{endpoint}", {**known, "duration": 7})
        assert any(v["field"] == "duration" for v in result.structured_content["violations"])
        assert valid in str(result.structured_content["violations"])


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("text", ["a boat \ufffd", "\ufffd", "ボート\ufffd"])
@in_loop
async def test_a_damaged_text(mode: str, text: str, quick_sandbox: Sandbox, tmp_path: Path):
    """Half an emoji, or bytes that are no UTF-8: refused before it is paid for, wherever it is."""
    before = quick_sandbox.stats.tasks_created.total()
    async with Client(server(quick_sandbox, tmp_path), mode=mode) as client:
        shot = {"prompt": text, "duration": 5}
        for given in ({"prompt": text}, {"prompt": "x", "multi_prompt": [shot]}):
            result = await client.call_tool("kling_text_to_video", given)
            assert "emoji" in str(result.structured_content["violations"])
            assert result.structured_content["billed"] == "no"
        quote = {"endpoint": "text_to_video", "arguments": {"prompt": text}}
        result = await client.call_tool("kling_quote", quote)
        assert result.structured_content["violations"][0]["field"] == "arguments.prompt"
    assert quick_sandbox.stats.tasks_created.total() == before


def test_an_emoji_is_whole():
    """Its two halves together are one character."""
    whole = json.loads('"\\ud83d\\udea4 ahoy"')
    assert arguments.damaged({"prompt": whole}) == []
    assert arguments.read(SCHEMA, {"text": whole}) == {"text": "🚤 ahoy"}
    half = json.loads('"\\ud83d ahoy"')
    assert arguments.read(SCHEMA, {"text": half}) == {"text": "\ufffd ahoy"}
