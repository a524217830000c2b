"""Over HTTP: both eras at one address, no paths, strangers kept out, nothing lost or paid twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from helpers.agents import ERAS, in_loop, made, settings, until
from helpers.every_tool import CLIP, call_all
from helpers.mcp_http import HttpServer, http_process, refused
from helpers.web import served
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference

from docs import generate_tools
from kling_core import Sandbox
from kling_core.sandbox import Fault
from kling_mcp.http import app, callers
from kling_mcp.http.issuer import Issuer
from kling_mcp.main import main

BOAT = {"prompt": "a boat", "wait_seconds": 30}
SLOW = Fault("stall", kind="create", seconds=1.5, after=True)
JSON = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def place(quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on this machine, without its path."""
    own = settings(quick_sandbox, tmp_path_factory.mktemp("http"))
    with served(app.app(own, app.Listening())) as url:
        yield url


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_each_tool(mode: str, place: str):
    """Every tool that is listed is called once, and no result names a path of the server."""
    async with Client(f"{place}/mcp", mode=mode) as client:
        told = await call_all(client, wait=60)
    assert set(told) == {tool["name"] for tool in generate_tools.listed()} - {"kling_download"}
    assert '"path"' not in json.dumps(told)


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_reading_and_completing(mode: str, place: str):
    """Resources, prompts, completions and progress, as over stdio."""
    heard: list[str] = []

    async def progress(_: float, __: float | None, message: str | None) -> None:
        heard.append(message or "")

    async with Client(f"{place}/mcp", mode=mode) as client:
        call = client.call_tool("kling_text_to_video", CLIP, progress_callback=progress)
        clip = (await call).structured_content
        (file,) = (await client.read_resource(clip["outputs"][0]["resource"])).contents
        assert file.mime_type == "video/mp4"
        assert (await client.get_prompt("storyboard", {"idea": "a fox"})).messages
        prompt = PromptReference(name="animate_photo")
        answer = await client.complete(prompt, {"name": "model", "value": "v2-6"})
        assert "kling-v2-6" in answer.completion.values
    assert heard


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "~/.ssh/id_rsa", "picture.png", "file:///etc/passwd"]
)
@in_loop
async def test_no_path_comes_in(path: str, place: str, quick_sandbox: Sandbox):
    """A path is refused before it is looked at, with the way to give a picture."""
    before = quick_sandbox.stats.tasks_created.total()
    async with Client(f"{place}/mcp") as client:
        refusal = await client.call_tool("kling_image_to_video", {"image": path, "prompt": "x"})
    assert refusal.is_error
    (violation,) = refusal.structured_content["violations"]
    assert violation["field"] == "image"
    assert "data:" in violation["valid"] or "https" in violation["valid"]
    assert quick_sandbox.stats.tasks_created.total() == before


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_body_of_20_megabytes(place: str, version: str):
    """413, whether its length is announced or not."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "x" * 20_000_000}).encode()
    headers = {**JSON, "mcp-protocol-version": version}
    for content in (body, iter([body])):
        answer = httpx.post(f"{place}/mcp", content=content, headers=headers, timeout=30)
        assert answer.status_code == 413


@in_loop
async def test_a_picture_of_10_megabytes_fits(place: str):
    """The largest picture that Kling takes goes in as a data URI (and is judged: it is none)."""
    uri = "data:image/png;base64," + "A" * 13_900_000
    async with Client(f"{place}/mcp") as client:
        refusal = await client.call_tool("kling_image_to_video", {"image": uri, "prompt": "x"})
    assert refusal.structured_content["violations"][0]["field"] == "image"


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_other_names(place: str, name: str):
    """A name that an attacker points here is refused, and so are pages of other origins."""
    headers = {**JSON, "mcp-protocol-version": "2025-11-25"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = httpx.post(f"{place}/mcp", json=body, headers={**headers, "host": name})
    assert answer.status_code == 421
    page = {**headers, "origin": f"https://{name}"}
    assert httpx.post(f"{place}/mcp", json=body, headers=page).status_code == 403
    assert httpx.post(f"{place}/mcp", json=body, headers=headers).status_code == 200


def test_health(place: str):
    """It says that it lives, and nothing else, to everybody."""
    answer = httpx.get(f"{place}/healthz")
    assert answer.json() == {"status": "ok"}
    assert "server" not in answer.headers or "kling" not in answer.headers["server"]


# --- nothing lost, nothing paid twice ----------------------------------------------------------


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_client_disconnects_during_the_submit(
    mode: str, sandbox: Sandbox, tmp_path: Path
):
    """The connection is gone before the answer; the same call again finds the task."""
    sandbox.faults.add(SLOW)
    with served(app.app(settings(sandbox, tmp_path), app.Listening())) as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            call = asyncio.ensure_future(client.call_tool("kling_text_to_video", BOAT))
            await until(lambda: sandbox.stats.tasks_created.total() == 1)
            call.cancel()
        async with Client(f"{url}/mcp", mode=mode) as client:
            again = await made(client, "kling_text_to_video", BOAT)
            listed = await made(client, "kling_list_tasks", {})
    assert again["state"] == "succeeded"
    assert [task["task_id"] for task in listed["tasks"]] == [again["task_id"]]
    assert sandbox.stats.tasks_created.total() == 1


@pytest.mark.parametrize("mode", ERAS)
@in_loop
async def test_the_server_is_killed_during_the_submit(mode: str, sandbox: Sandbox, tmp_path: Path):
    """SIGKILL while the answer is on its way, and a new process: one task, found again."""
    sandbox.faults.add(Fault("stall", kind="create", seconds=20, after=True))

    async def create_and_kill(server: HttpServer) -> None:
        async with Client(server.url, mode=mode) as client:
            call = asyncio.ensure_future(client.call_tool("kling_text_to_video", BOAT))
            await until(lambda: sandbox.stats.tasks_created.total() == 1)
            server.process.kill()
            await call

    with http_process(sandbox, tmp_path) as server, pytest.raises((MCPError, BaseExceptionGroup)):
        await create_and_kill(server)
    with http_process(sandbox, tmp_path) as server:
        async with Client(server.url, mode=mode) as client:
            again = await made(client, "kling_text_to_video", BOAT)
            done = await made(client, "kling_wait_tasks", {"task_ids": [again["task_id"]]})
            listed = await made(client, "kling_list_tasks", {})
    assert done["tasks"][0]["state"] == "succeeded"
    assert len(listed["tasks"]) == 1
    assert sandbox.stats.tasks_created.total() == 1


@in_loop
async def test_two_servers_for_one_account(quick_sandbox: Sandbox, tmp_path: Path):
    """No request belongs to a process: what one makes, the other tells of."""
    with http_process(quick_sandbox, tmp_path) as one, http_process(quick_sandbox, tmp_path) as two:
        async with Client(one.url) as client:
            task = await made(client, "kling_image_generation", BOAT)
        async with Client(two.url) as client:
            found = await made(client, "kling_get_task", {"task_id": task["task_id"]})
            again = await made(client, "kling_image_generation", BOAT)
    assert found["state"] == "succeeded"
    assert again["task_id"] == task["task_id"]
    assert again["repeated"] is True


# --- how it is started -------------------------------------------------------------------------


def test_it_says_where_it_is(quick_sandbox: Sandbox, tmp_path: Path):
    """One line for people; a secret is not in it."""
    token = {"KLING_MCP_TOKEN": "a-secret-that-is-long-enough"}
    with (
        http_process(quick_sandbox, tmp_path) as open_,
        http_process(quick_sandbox, tmp_path, **token) as guarded,
    ):
        assert "this machine only" in open_.said
        assert token["KLING_MCP_TOKEN"] not in guarded.said
        assert httpx.post(guarded.url, json={}, headers=JSON).status_code == 401
        taken = refused("--port", open_.url.rpartition(":")[2].partition("/")[0])
        assert "another --port" in taken


@pytest.mark.parametrize(
    "arguments, environment, words",
    [
        (["--host", "0.0.0.0"], {}, "spend your money"),
        (["--host", "192.168.1.5"], {}, "KLING_MCP_TOKEN"),
        (["--allowed-hosts", "kling.example.com"], {}, "spend your money"),
        (["--host", "0.0.0.0"], {"KLING_MCP_TOKEN": "x" * 20}, "--allowed-hosts"),
        ([], {"KLING_MCP_TOKEN": "short"}, "too short"),
        ([], {"KLING_MCP_ISSUER": "https://idp.example"}, "KLING_MCP_RESOURCE"),
        (
            [],
            {"KLING_MCP_ISSUER": "http://idp.example", "KLING_MCP_RESOURCE": "https://k.example"},
            "is not an https address",
        ),
        (
            [],
            {"KLING_MCP_ISSUER": "https://idp.example", "KLING_MCP_TOKEN": "x" * 20},
            "contradict",
        ),
        (["--caller-keys", "--sandbox"], {}, "knows no keys"),
    ],
)
def test_it_does_not_start(
    arguments: list[str],
    environment: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """What would serve strangers, or contradicts itself, is refused with the way out."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["--http", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert words in said


def test_hosts(monkeypatch: pytest.MonkeyPatch):
    """By which names it is reached, in each setting."""
    monkeypatch.setenv("KLING_MCP_TOKEN", "x" * 20)
    monkeypatch.setenv("KLING_MCP_ALLOWED_HOSTS", "kling.example.com, other.example:8443")
    listening = app.Listening.from_environment(host="0.0.0.0")
    assert {"kling.example.com", "kling.example.com:*", "other.example:8443"} <= set(
        listening.hosts()
    )
    assert "other.example:8443:*" not in listening.hosts()
    assert "https://kling.example.com" in listening.origins()
    assert "0.0.0.0" not in listening.hosts()
    near = app.Listening(host="10.0.0.7", way=callers.StaticToken("x" * 20))
    assert "10.0.0.7:*" in near.hosts()
    public = app.Listening(
        host="0.0.0.0", way=Issuer("https://idp.example", "https://k.example/mcp")
    )
    public.check()
    assert "k.example" in public.hosts()
