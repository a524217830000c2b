"""Whatever a server, a proxy or a stranger sends: a typed error or a value, never a raw exception.

Found answers are examples; hypothesis looks for their brothers.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import answer, way_to
from helpers.scripted import Script, client_of, task
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kling_core import Kling, KlingError, caller_warnings
from kling_core import callbacks as callbacks_module
from kling_core.callbacks import CallbackReceiver, verify
from kling_core.commands import account
from kling_core.declare import registry
from kling_core.editions import KNOWN, task_facts
from kling_core.editions.base import FIRST
from kling_core.editions.choose import load
from kling_core.errors import LedgerError
from kling_core.flows import adopt
from kling_core.flows import read as calls
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry
from kling_core.wire import json_reader
from kling_core.wire.effects import Reply
from kling_core.wire.json_reader import parse

EXAMPLES = [
    b'{"code": 1e999}',
    b'{"code": -1e999, "message": 5}',
    b'{"code": NaN}',
    b'{"code": 0, "data": 5}',
    b'{"code": 0, "data": [5, null, "x"]}',
    b'{"code": 0, "data": {"result": 7}}',
    b'{"code": 0, "data": "text"}',
    b'{"code": 0, "data": [[]]}',
    b'{"code": {"a": 1}, "message": [1]}',
    b'{"code": "1e9"}',
    b'{"code": ' + b"9" * 4000 + b"}",
    b'{"code": ' + b"9" * 5000 + b"}",
    b'{"code": true}',
    b"[]",
    b"5",
    b"null",
    b'"text"',
    b"[" * 100_000,
    b"[" * 900 + b"]" * 900,
    b'{"code": 0, "data": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    b'{"code": 0, "data": {"task_id": "\\ud83d"}}',
    b'{"code": 0, "data": {"task_id": "a\\u0000b"}}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\x80",
    b"",
]

numbers = st.integers() | st.floats() | st.integers(min_value=10**300, max_value=10**4200)
scalars = st.none() | st.booleans() | numbers | st.text(st.characters(codec=None))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
WORDS = [
    *("code", "message", "msg", "request_id", "data", "result", "task_id", "id", "task_status"),
    *("task_status_msg", "task_info", "task_result", "videos", "images", "audios", "url", "status"),
    *("duration", "created_at", "updated_at", "final_unit_deduction", "billing", "parent_video"),
    *("external_task_id", "resource_pack_subscribe_infos", "remaining_quantity", "invalid_time"),
]
objects = st.recursive(
    st.dictionaries(st.sampled_from(WORDS), values, max_size=8),
    lambda inner: st.dictionaries(st.sampled_from(WORDS), inner | st.lists(inner), max_size=6),
    max_leaves=10,
)


def text_of(value: Any) -> bytes:
    """The value as the wire might carry it, halves of characters as escapes."""
    return json.dumps(value).encode()


anything = st.binary(max_size=200) | values.map(text_of) | objects.map(text_of)


def with_examples(test: Any) -> Any:
    for content in EXAMPLES:
        test = example(content)(test)
    return settings(deadline=None, suppress_health_check=list(HealthCheck))(test)


@with_examples
@given(anything)
def test_an_answer_is_judged(content: bytes) -> None:
    """One verdict: the envelope or an error; what is in the envelope can be written and shown."""
    for status in (200, 429, 502):
        verdict = calls.judge(Reply(status, {}, content))
        assert (verdict.envelope is None) != (verdict.error is None)
        if verdict.error is not None:
            assert isinstance(verdict.error, KlingError)
            str(verdict.error).encode()
            continue
        assert verdict.envelope is not None
        everything = list[Any]()
        for edition in map(load, KNOWN):
            page = edition.listed(verdict.envelope, FIRST, 30)
            found = [edition.accepted(verdict.envelope), edition.one(verdict.envelope, "1")]
            told = [facts.raw for facts in (*found, *edition.many(verdict.envelope)) if facts]
            assert all(isinstance(data, dict) for data in told)
            assert len(page.tasks) <= len(told)
            everything += told
        for data in everything:
            read_everything(data)
            text = json.dumps(data, ensure_ascii=False, allow_nan=False)
            assert "\0" not in text
            text.encode()


def read_everything(data: dict[str, Any]) -> None:
    """Each property of what tells of a task."""
    facts = task_facts.read(data)
    for name in dir(task_facts.TaskFacts):
        if not name.startswith("_"):
            getattr(facts, name)
    assert not facts.overtaken(facts)
    with Kling(api_key="k") as kling:
        made = kling.task(registry.get("text-to-video"), data)
        for name in ("task_id", "external_task_id", "status", "created_at", "updated_at", "cost"):
            str(getattr(made, name)).encode()
        for output in made.outputs:
            for name in ("id", "url", "watermark_url", "duration", "expires_at", "filename"):
                str(getattr(output, name)).encode()
            assert "/" not in output.filename
        repr(made).encode()
    account.rows([data])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one running task, 77."""
    made = Ledger(tmp_path / "ledger.db", "account")
    entry = Entry(
        id="mine", endpoint="text_to_video", product="video", request={}, media={}, digest=""
    )
    made.prepare(entry, lease=60)
    made.accepted("mine", answer("77"))
    yield made
    made.close()


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(objects)
def test_the_ledger_takes_whatever_is_said(ledger: Ledger, data: dict[str, Any]) -> None:
    """Of a task that it knows, and of one that it takes in."""
    said = parse(text_of(data))
    odd: list[str] = []
    with caller_warnings.heard_by(odd.append):
        ledger.observe("text_to_video", [task_facts.read({**said, "task_id": "77"})])
        ledger.observe("text_to_video", [task_facts.read(said)])
        adopt.adopt(ledger, way_to("text_to_video"), task_facts.read(said))
    assert all("Kling says" in text for text in odd)
    assert ledger.row("mine").task_id == "77"


# --- one look through a client -------------------------------------------------------------


@pytest.mark.parametrize("content", EXAMPLES, ids=lambda c: c[:40].decode("latin-1"))
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_read_of_an_odd_answer(kind: str, content: bytes) -> None:
    """Each kind of read gives a value or a `KlingError`."""
    reads: list[Callable[[Any], Any]] = [
        lambda kling: kling.text_to_video.get("1"),
        lambda kling: kling.text_to_video.list(),
    ]
    for read in reads:
        client = client_of(kind, Script([Reply(200, {}, content)] * 5))
        with suppress(KlingError):
            result = read(client)
            if asyncio.iscoroutine(result):
                asyncio.run(result)


@pytest.mark.parametrize("name", ["\ud83d", "", " ", "..", "a" * 5000])
def test_an_id_that_nothing_has(name: str) -> None:
    """Half a character is no id; a long one is asked for like any other."""
    script = Script([Reply(200, {}, json.dumps({"code": 0, "data": task("1")}).encode())])
    client = client_of("sync", script)
    with suppress(KlingError):
        client.text_to_video.get(name)


def test_texts_stay_as_they_are() -> None:
    """What is odd is replaced, and nothing else: letters of all alphabets, floats, nesting."""
    said = {"message": "纸船 🚣 ä", "data": [{"duration": 5.1, "n": [[[1]]], "nul": "a\0b"}]}
    assert parse(json.dumps(said, ensure_ascii=False).encode()) == {
        "message": "纸船 🚣 ä",
        "data": [{"duration": 5.1, "n": [[[1]]], "nul": "a\ufffdb"}],
    }
    assert parse(json.dumps({"m": "🚣"}).encode()) == {"m": "🚣"}
    deep: Any = 1
    for _ in range(json_reader.DEEPEST - 1):
        deep = [deep]
    assert parse(json.dumps(deep).encode()) == deep
    assert parse(json.dumps([[deep]]).encode() + b" " * 100) is None


# --- callbacks -----------------------------------------------------------------------------


def post(app: CallbackReceiver, *parts: bytes, pause: float = 0.0) -> int:
    """The status of a callback that comes in these parts."""
    left, answered = list(parts), list[Any]()

    async def receive() -> dict[str, Any]:
        if pause:
            await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(app(scope, receive, send))
    return answered[0]["status"]


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@example(b'{"task_id": "\\ud83d", "task_status": "succeed"}')
@example(b'{"task_id": "a\\u0000b"}')
@example(b'{"task_id": 1e999}')
@example(b'{"task_id": "77", "task_info": 5, "task_status": [1]}')
@example(b'{"task_id": "77", "external_task_id": {"a": 1}}')
@example(b'{"task_id": "' + b"7" * 100_000 + b'"}')
@example(b"[" * 100_000)
@given(anything)
def test_a_callback_of_a_stranger(ledger: Ledger, content: bytes) -> None:
    """Unsigned ones may come from anybody: 200 or 400, and never our own fault."""
    told: list[Any] = []
    app = CallbackReceiver(ledger, unsigned=True, listener=told.append)
    assert post(app, content) in (200, 400)
    for news in told:
        str(news).encode()


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text(), st.text(st.characters(codec=None))), anything)
def test_headers_of_a_stranger(headers: dict[str, str], body: bytes) -> None:
    """Headers of any kind are a rejection, not an exception."""
    secret = "whsec_" + base64.b64encode(b"the secret of the account in tests").decode()
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    odd = dict(zip(names, headers.values(), strict=False))
    with suppress(verify.WebhookRejected):
        verify.verify({**headers, **odd}, body, secret)


def test_a_body_that_drips(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for longer than any callback takes, however often something comes."""
    monkeypatch.setattr(callbacks_module, "BODY_SECONDS", 0.1)
    app = CallbackReceiver(ledger, unsigned=True)
    assert post(app, *[b" "] * 100, pause=0.02) == 408
    assert post(app, b'{"task_id": "77"}') == 200


def test_trouble_of_ours_is_asked_for_again(ledger: Ledger, monkeypatch: Any) -> None:
    """Whatever breaks behind it: 503, so that it is sent again, and whoever listens is told."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("boo")

    monkeypatch.setattr(callbacks_module, "wake", broken)
    told: list[Any] = []
    app = CallbackReceiver(ledger, unsigned=True, listener=told.append)
    assert post(app, b'{"task_id": "77"}') == 503
    assert isinstance(told[0], LedgerError)


def test_a_head_that_drips_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of `kling callbacks` hangs up on a request that does not get to its end."""
    from uvicorn import Config, Server

    from kling_core.callbacks import slow_senders

    monkeypatch.setattr(slow_senders, "HEAD", 0.5)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(app, http=slow_senders.Impatient, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        place = listener.getsockname()
        with socket.create_connection(place, 5) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\n")
            began = time.monotonic()
            with suppress(OSError):
                while time.monotonic() - began < 5:
                    slow.sendall(b"x: y\r\n")
                    slow.settimeout(0.1)
                    try:
                        if not slow.recv(1):
                            break
                    except TimeoutError:
                        continue
            assert time.monotonic() - began < 4
        with closing(http.client.HTTPConnection(*place, timeout=5)) as quick:
            for _ in range(2):  # two requests, one connection
                quick.request("GET", "/")
                assert quick.getresponse().read() == b"ok"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
