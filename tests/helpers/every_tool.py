"""A call of every tool of the MCP server, whatever client makes it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mcp import Client

from helpers.agents import made
from helpers.walk import BYTES, example
from kling_core.declare import registry

CREATE = "kling_text_to_video"
CLIP = {"prompt": "a face in the rain", "model_name": "kling-v1-6", "wait_seconds": 60}
"""Its clip can be extended and lip-synced."""

Facts = dict[str, Any]


def data_uri(kind: str) -> str:
    """Media as an agent may give it over any transport."""
    if kind == "video":
        return "https://videos.example/clip.mp4"
    return f"data:application/octet-stream;base64,{base64.b64encode(BYTES[kind]).decode()}"


def others(listed: Iterable[str]) -> list[str]:
    """Every tool but the create of the clip, those that make tasks before those that look."""
    creates = [f"kling_{name}" for name in registry.names()]
    return sorted(set(listed) - {CREATE}, key=lambda name: (name not in creates, name))


def arguments(tool: str, told: dict[str, Facts], *, wait: int) -> Facts:
    """What a tool is called with, after what the tools before it have `told`, `CREATE` first.

    Creates wait `wait` seconds for their task. A tool that is not known here is a `KeyError`.
    """
    clip = told[CREATE]
    known: dict[str, Facts] = {
        "kling_get_task": {"task_id": clip["task_id"]},
        "kling_list_tasks": {"limit": 2},
        "kling_wait_tasks": {"task_ids": [clip["task_id"]]},
        "kling_preview": {"task_id": clip["task_id"]},
        "kling_download": {"task_id": clip["task_id"]},
        "kling_recover_tasks": {},
        "kling_quote": {"endpoint": "text_to_video", "arguments": {"prompt": "x"}},
        "kling_models": {},
        "kling_account_costs": {},
    }
    for endpoint in registry.endpoints():
        create = f"kling_{endpoint.name}"
        fields = example(endpoint, clip["outputs"][0]["id"], data_uri)
        known[create] = {**fields, "wait_seconds": wait}
        known[f"kling_list_{endpoint.name}"] = {"size": 1}
        if create in told:
            known[f"kling_get_{endpoint.name}"] = {"task_id": told[create]["task_id"]}
    return known[tool]


async def call_all(client: Client, *, wait: int) -> dict[str, Facts]:
    """Call every tool that is listed once, with the SDK's client; what each has told."""
    listed = [tool.name for tool in (await client.list_tools()).tools]
    told = {CREATE: await made(client, CREATE, CLIP)}
    for tool in others(listed):
        told[tool] = await made(client, tool, arguments(tool, told, wait=wait))
    return told
