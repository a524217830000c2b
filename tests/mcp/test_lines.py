"""What is no message, over stdio and HTTP: it is answered, and the server goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any

import httpx
import pytest
from helpers.agents import parameters, settings
from helpers.web import served

from kling_core import Sandbox
from kling_mcp.http import app

INFO = {"capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
HELLO = {"protocolVersion": "2025-11-25", **INFO}
MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": INFO["clientInfo"],
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


@dataclass
class Wire:
    """A server over stdio, spoken to in raw lines."""

    process: subprocess.Popen[bytes]
    era: str
    spoken: int = 1_000

    def send(self, *lines: bytes) -> None:
        """Write lines; a thread may do it while answers are read."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def exchange(self, *lines: bytes, answers: int) -> list[dict[str, Any]]:
        """So many answers to these lines; the server answers a good request after them too."""
        self.spoken += 1
        params = MODERN if self.era == "modern" else {}
        listing = {"jsonrpc": "2.0", "id": self.spoken, "method": "tools/list", "params": params}
        whole = (*lines, json.dumps(listing).encode())
        Thread(target=self.send, args=whole, daemon=True).start()
        found = [self.hear() for _ in range(answers + 1)]
        (good,) = [one for one in found if one.get("id") == self.spoken]
        assert good["result"]["tools"], "it went on"
        return [one for one in found if one is not good]

    def hear(self) -> dict[str, Any]:
        """The next message."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module", params=["legacy", "modern"])
def wire(
    request: pytest.FixtureRequest,
    quick_sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Wire]:
    """A server of either era; it ends in order after all that it was sent."""
    start = parameters(quick_sandbox, tmp_path_factory.mktemp("wire"))
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([start.command, *start.args], env=start.env, **pipes) as process:
        made = Wire(process, request.param)
        if made.era == "legacy":
            hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
            made.send(json.dumps(hello).encode())
            assert made.hear()["result"]
        yield made
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    "line,code",
    [
        (b"hello", -32700),
        (b"{]", -32700),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "ping"', -32700),
        (b'\xff\xfe{"id": 5}', -32700),
        (b"\x00\x01\x02", -32700),
        (b"[" * 200_000, -32700),
        (b"x" * 20_000_000, -32700),
        (b'[{"jsonrpc": "2.0", "id": 5, "method": "ping"}]', -32600),
        (b"[]", -32600),
        (b"5", -32600),
        (b'"text"', -32600),
        (b"null", -32600),
        (b"{}", -32600),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_line_that_is_no_message(line: bytes, code: int, wire: Wire):
    """An error with no id, at once, over the same channel."""
    (told,) = wire.exchange(line, answers=1)
    assert told["id"] is None
    assert told["jsonrpc"] == "2.0"
    assert told["error"]["code"] == code


def test_a_request_that_is_wrong_keeps_its_id(wire: Wire):
    """So that whoever waits for it hears of it; blank lines are no lines."""
    lines = [
        b'{"jsonrpc": "1.0", "id": 5, "method": "ping"}',
        b"",
        b"  \r",
        b'{"jsonrpc": "2.0", "id": "six", "method": 5}',
        b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}',
        b'{"id": true}',
    ]
    told = wire.exchange(*lines, answers=4)
    assert [one["id"] for one in told] == [5, "six", 7, None]
    assert {one["error"]["code"] for one in told} == {-32600}


@pytest.mark.parametrize(
    "text",
    [b'"a boat \\ud83d"', b'"\\udea4 a boat"', b'"\xf0\x9f\x9a"', b'"caf\xe9"'],
    ids=["first half", "second half", "bytes cut", "latin-1"],
)
def test_half_an_emoji(text: bytes, wire: Wire, quick_sandbox: Sandbox):
    """It is answered: nothing is paid for a text that nobody wrote."""
    before = quick_sandbox.stats.tasks_created.total()
    more = json.dumps(MODERN if wire.era == "modern" else {"x": 1}).encode()[1:-1]
    call = b'{"jsonrpc": "2.0", "id": %d, "method": "%s", "params": {"name": "%s", ' + more
    told = wire.exchange(
        call % (5, b"tools/call", b"kling_text_to_video")
        + b', "arguments": {"prompt": %s}}}' % text,
        call % (6, b"prompts/get", b"storyboard") + b', "arguments": {"idea": %s}}}' % text,
        answers=2,
    )
    known = {one["id"]: one for one in told}
    facts = known[5]["result"]["structuredContent"]
    assert facts["violations"][0]["field"] == "prompt"
    assert "emoji" in facts["violations"][0]["problem"]
    assert known[6]["result"]["messages"]
    assert quick_sandbox.stats.tasks_created.total() == before


@pytest.mark.parametrize("sent", [b"[]", b'""', b"null", b'"{\\"limit\\": 1}"'])
def test_arguments_that_are_no_object(sent: bytes, wire: Wire):
    """As languages without empty objects write them, or hosts that send all of it as text."""
    more = json.dumps(MODERN if wire.era == "modern" else {"x": 1}).encode()[1:-1]
    line = b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": '
    line += b'"kling_list_tasks", "arguments": %s, %s}}' % (sent, more)
    (told,) = wire.exchange(line, answers=1)
    assert not told["result"].get("isError"), told


@pytest.mark.parametrize("sent", [b"5", b"[1]", b'"x"', b'"[1]"'])
def test_arguments_that_are_nothing(sent: bytes, wire: Wire):
    """Refused by the protocol."""
    more = json.dumps(MODERN if wire.era == "modern" else {"x": 1}).encode()[1:-1]
    line = b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": '
    line += b'"kling_list_tasks", "arguments": %s, %s}}' % (sent, more)
    (told,) = wire.exchange(line, answers=1)
    assert told["error"]["code"] == -32602


def test_a_byte_order_mark_before_a_line(wire: Wire):
    """A pipe of Windows puts one there."""
    params = json.dumps(MODERN if wire.era == "modern" else {}).encode()
    line = b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": %s}'
    (told,) = wire.exchange(line % params, answers=1)
    assert told["id"] == 5
    assert "result" in told


# --- over HTTP ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on this machine."""
    own = settings(quick_sandbox, tmp_path_factory.mktemp("lines"))
    with served(app.app(own, app.Listening())) as url:
        yield f"{url}/mcp"


def post(place: str, body: bytes, version: str, **more: str) -> httpx.Response:
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": version,
        **more,
    }
    return httpx.post(place, content=body, headers=headers, timeout=30)


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("body", [b"hello", b"{]", b"\xff{}", b"[" * 200_000, b""])
def test_a_body_that_is_no_json(version: str, body: bytes, place: str):
    """400 with the error of JSON-RPC and no id."""
    answer = post(place, body, version)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700
    assert answer.json()["id"] is None


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("text", [b'"a boat \\ud83d"', b'"caf\xe9"'], ids=["half", "latin-1"])
@pytest.mark.parametrize(
    "method,name,field",
    [("tools/call", "kling_text_to_video", "prompt"), ("prompts/get", "storyboard", "idea")],
)
def test_half_an_emoji_over_http(
    method: str,
    name: str,
    field: str,
    text: bytes,
    version: str,
    place: str,
    quick_sandbox: Sandbox,
):
    """It is answered: by the tool, or as what is no JSON to the reader of that era."""
    before = quick_sandbox.stats.tasks_created.total()
    params: dict[str, Any] = {"name": name, "arguments": {field: "TEXT"}}
    if version == "2026-07-28":
        params |= MODERN
    message = {"jsonrpc": "2.0", "id": 5, "method": method, "params": params}
    body = json.dumps(message).encode().replace(b'"TEXT"', text)
    answer = post(place, body, version, **{"mcp-method": method, "mcp-name": name})
    if answer.status_code == 400:
        assert answer.json()["error"]["code"] == -32700
    else:
        assert answer.status_code == 200
        assert '"id":5' in answer.text
        assert method != "tools/call" or "emoji" in answer.text
    assert quick_sandbox.stats.tasks_created.total() == before


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("sent", [[], "", '{"limit": 1}'])
def test_arguments_that_are_no_object_over_http(sent: Any, version: str, place: str):
    """As over stdio."""
    params: dict[str, Any] = {"name": "kling_list_tasks", "arguments": sent}
    params |= MODERN if version == "2026-07-28" else {}
    body = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}
    more = {"mcp-method": "tools/call", "mcp-name": "kling_list_tasks"}
    answer = post(place, json.dumps(body).encode(), version, **more)
    assert answer.status_code == 200, answer.text
    assert '"isError":true' not in answer.text
