"""The receiver of callbacks: what it answers, whom it wakes, and that it believes nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from helpers.ledgers import answer

from kling_core import Kling, Sandbox
from kling_core.callbacks import BODY_LIMIT, CallbackReceiver, wake
from kling_core.callbacks.verify import Callback, key_of
from kling_core.errors import ConfigError, KlingError, LedgerError, WebhookRejected
from kling_core.flows.session import Pace
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.records import Entry
from kling_core.sandbox.background import BackgroundServer
from kling_core.sandbox.callbacks import sign

SECRET = "whsec_" + base64.b64encode(b"the secret of the account in tests").decode()
NEW = "whsec_" + base64.b64encode(b"the secret that comes after it now").decode()
PATIENT = Pace(poll_floor=600, poll_ceiling=600, line_tick=0.05)
"""Whoever waits at this pace asks once in ten minutes, unless he is woken."""


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one running task, 77, that is ours by the name of mine."""
    ledger = Ledger(tmp_path / "ledger.db", "account")
    entry = Entry(
        id="mine",
        endpoint="text_to_video",
        product="video",
        external_task_id="mine",
        request={},
        media={},
        digest="",
    )
    ledger.prepare(entry, lease=60)
    ledger.accepted("mine", answer("77"))
    yield ledger
    ledger.close()


class Sender:
    """Posts to a receiver as ASGI does, and keeps what was told."""

    def __init__(self, ledger, secrets=SECRET, **options):
        self.told = []
        self.app = CallbackReceiver(ledger, secrets, listener=self.told.append, **options)

    def post(self, body, headers, *, method="POST", pieces=1):
        return asyncio.run(self._post(body, headers, method, pieces))

    async def _post(self, body, headers, method, pieces):
        size = max(1, -(-len(body) // pieces))
        parts = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
        self.read = 0
        answers = []

        async def receive():
            self.read += 1
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message):
            answers.append(message)

        listed = [(k.encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "method": method, "path": "/", "headers": listed}
        await self.app(scope, receive, send)
        return answers[0]["status"]

    def call(self, *, secret=SECRET, webhook_id="w-1", at=None, **body):
        raw = json.dumps({"task_id": "77", "task_status": "processing"} | body).encode()
        stamp = int(time.time() if at is None else at)
        return self.post(raw, sign(key_of(secret), webhook_id, stamp, raw))


def state(ledger):
    return ledger.row("mine").state


def test_wakes_and_believes_nothing(ledger):
    """A callback that says "succeed" nudges the endpoint and leaves the row as it is."""
    sender = Sender(ledger)
    before = ledger.row("mine")
    assert ledger.nudged("text_to_video") == ""
    assert sender.call(task_status="succeed", task_result={"videos": [{"url": "http://evil"}]})
    mark = ledger.nudged("text_to_video")
    assert mark
    assert ledger.row("mine") == before
    assert ledger.nudged("image_to_video") == ""
    assert [news.status for news in sender.told] == ["succeeded"]


def test_nudge_crosses_processes(ledger, tmp_path):
    """A nudge is on disk: another opening of the ledger sees it, and sees each new one."""
    other = Ledger(tmp_path / "ledger.db", "account")
    ledger.nudge("text_to_video")
    first = other.nudged("text_to_video")
    ledger.nudge("text_to_video")
    assert first
    assert other.nudged("text_to_video") not in ("", first)
    other.close()


def test_duplicates_and_replays(ledger):
    """The same delivery again is answered 200 and wakes nobody a second time."""
    sender = Sender(ledger)
    assert sender.call() == 200
    mark = ledger.nudged("text_to_video")
    assert [sender.call() for _ in range(3)] == [200, 200, 200]
    assert ledger.nudged("text_to_video") == mark
    assert sender.call(webhook_id="w-2") == 200
    assert ledger.nudged("text_to_video") != mark


def test_an_old_replay_is_refused(ledger):
    """A recorded callback, sent again after five minutes, is 401."""
    sender = Sender(ledger)
    assert sender.call(at=time.time() - 301) == 401
    assert ledger.nudged("text_to_video") == ""
    assert isinstance(sender.told[0], WebhookRejected)


def test_disorder(ledger):
    """Callbacks in any order, of any state, are all 200; an ended task wakes nobody."""
    sender = Sender(ledger)
    for number, word in enumerate(["succeed", "submitted", "what?", "processing", "succeed"]):
        assert sender.call(webhook_id=f"d-{number}", task_status=word) == 200
    assert state(ledger) == "submitted"
    ledger.observe("text_to_video", [answer("77", "succeed")])
    mark = ledger.nudged("text_to_video")
    assert sender.call(webhook_id="late", task_status="processing") == 200
    assert (ledger.nudged("text_to_video"), state(ledger)) == (mark, "succeeded")


@pytest.mark.parametrize("task_id", ["999", "7", "min", "%", "mine%"])
def test_task_of_somebody_else(ledger, task_id):
    """An unknown task, a part of an id, a pattern: 200, and nobody is woken."""
    assert Sender(ledger).call(task_id=task_id) == 200
    assert ledger.nudged("text_to_video") == ""


def test_found_by_our_id(ledger):
    """A callback that overtakes the answer to the create is found by our own id."""
    callback = Callback("not written down yet", "mine", "submitted", "", {})
    assert wake(ledger, callback)
    assert ledger.nudged("text_to_video")


def test_wrong_signature(ledger):
    """Signed by another secret, or not at all: 401, and nobody is woken."""
    sender = Sender(ledger)
    assert sender.call(secret=NEW) == 401
    assert sender.post(b'{"task_id": "77"}', {}) == 401
    assert ledger.nudged("text_to_video") == ""
    assert ["signature is wrong" in str(sender.told[0]), "is missing" in str(sender.told[1])] == [
        True,
        True,
    ]


def test_rotated_secrets(ledger):
    """Old and new secret are both good while both are known."""
    sender = Sender(ledger, [SECRET, NEW])
    assert sender.call(secret=SECRET, webhook_id="a") == 200
    assert sender.call(secret=NEW, webhook_id="b") == 200
    assert Sender(ledger, NEW).call(secret=SECRET) == 401


def test_unsigned_by_choice(ledger):
    """`unsigned=True` takes what bears no signature; a wrong one is still refused."""
    sender = Sender(ledger, unsigned=True)
    assert sender.post(b'{"task_id": "77", "task_status": "processing"}', {}) == 200
    assert ledger.nudged("text_to_video")
    assert sender.call(secret=NEW) == 401
    assert Sender(ledger, (), unsigned=True).post(b'{"task_id": "77"}', {}) == 200


def test_secrets_are_judged_at_once(ledger):
    """A broken secret, or none, is said when the receiver is made, not at the first callback."""
    for secrets in ((), "whsec_!", [SECRET, ""]):
        with pytest.raises(ConfigError):
            CallbackReceiver(ledger, secrets)


def test_malformed(ledger):
    """Signed nonsense is 400; anything but POST is 405."""
    sender = Sender(ledger)
    for raw in (b"", b"[1]", b"{", b'{"message": "no task"}'):
        headers = sign(key_of(SECRET), "m", int(time.time()), raw)
        assert sender.post(raw, headers) == 400
    assert sender.post(b"", {}, method="GET") == 405


def test_huge_body(ledger):
    """Above the limit it is 413: by the announced length unread, else as soon as it is passed."""
    sender = Sender(ledger)
    for length in (str(BODY_LIMIT + 1), "9" * 5000):
        assert sender.post(b"x", {"content-length": length}) == 413
    assert sender.read == 0
    assert sender.post(b"x" * (4 * BODY_LIMIT), {}, pieces=64) == 413
    assert sender.read <= 18
    assert ledger.nudged("text_to_video") == ""


def test_body_in_pieces(ledger):
    """A body that comes byte by byte is one body."""
    raw = b'{"task_id": "77"}'
    headers = sign(key_of(SECRET), "p", int(time.time()), raw)
    assert Sender(ledger).post(raw, headers, pieces=len(raw)) == 200


def test_ledger_out_of_order():
    """When the ledger cannot be used it is 503, and the same delivery may come again."""
    calls = []

    def open_ledger():
        calls.append(1)
        raise LedgerError("the disk is full")

    sender = Sender(open_ledger)
    assert [sender.call(), sender.call()] == [503, 503]
    assert len(calls) == 2
    assert all(isinstance(news, KlingError) for news in sender.told)


def test_lifespan(ledger):
    """Start and end of a server are acknowledged."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    answers = []

    async def receive():
        return next(messages)

    async def send(message):
        answers.append(message["type"])

    asyncio.run(CallbackReceiver(ledger, SECRET)({"type": "lifespan"}, receive, send))
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_websocket_is_refused(ledger):
    """A connection that is no HTTP is an error of the server's configuration."""
    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(CallbackReceiver(ledger, SECRET)({"type": "websocket"}, None, None))


def test_mounted_and_served(ledger):
    """Mounted in Starlette under a path and served by uvicorn, it answers real HTTP."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/hooks", CallbackReceiver(ledger, SECRET))])
    server = BackgroundServer("127.0.0.1", 0)
    port = server.start(app)
    try:
        raw = b'{"task_id": "77", "task_status": "succeed"}'
        headers = sign(key_of(SECRET), "s", int(time.time()), raw)
        url = f"http://127.0.0.1:{port}/hooks/kling"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, raw, headers), timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            opener.open(urllib.request.Request(url, raw), timeout=10)
        assert caught.value.code == 401
        caught.value.close()
    finally:
        server.stop()
    assert ledger.nudged("text_to_video")


# --- callback_url --------------------------------------------------------------------------


def test_callback_url_of_the_client(start_sandbox, monkeypatch):
    """Set once it goes with every create that names none; by argument or KLING_CALLBACK_URL."""
    sandbox = start_sandbox()
    here, there = "http://elsewhere.example/a", "http://elsewhere.example/b"
    with Kling(sandbox=sandbox, callback_url=here) as kling:
        first = kling.text_to_video.create(prompt="a boat")
        second = kling.text_to_video.create(prompt="a boat", callback_url=there)
        rows = {row.task_id: row for row in kling.tasks.ledger.rows()}
    monkeypatch.setenv("KLING_CALLBACK_URL", there)
    with Kling(sandbox=sandbox) as kling:
        third = kling.image_generation.create(prompt="a boat")
    urls = {task.task_id: task.callback_url for task in sandbox.tasks}
    assert urls == {first.task_id: here, second.task_id: there, third.task_id: there}
    assert rows[first.task_id].digest == rows[second.task_id].digest  # the same request
    assert "callback_url" not in rows[first.task_id].request["fields"]
    monkeypatch.setenv("KLING_CALLBACK_URL", "elsewhere.example")
    with pytest.raises(ConfigError, match="callback_url"):
        Kling(sandbox=sandbox)


# --- end to end ----------------------------------------------------------------------------


@pytest.mark.parametrize("dead_leader", [False, True])
def test_a_nudge_is_not_lost(start_sandbox, dead_leader):
    """A nudge from before the waiting began, or under a leader who has died, still wakes."""
    sandbox = start_sandbox()
    with Kling(sandbox=sandbox, pace=PATIENT) as kling:
        task = kling.text_to_video.create(prompt="a boat")
        assert sandbox.wait_idle()
        ledger = kling.tasks.ledger
        if dead_leader:
            assert ledger.lead("watch text_to_video", "a dead process", seconds=1)
        ledger.nudge("text_to_video")
        assert task.wait(timeout=20).status == "succeeded"


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        threading.Event().wait(0.02)


def test_woken_by_the_receiver_of_another_process(tmp_path, monkeypatch):
    """A process that would ask in ten minutes is woken at once, by callbacks to another process."""
    with Sandbox(quality="test", speed=40, webhook_secret=SECRET) as sandbox:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")} | {
            "KLING_HOME": str(tmp_path / "home"),
            "KLING_BASE_URL": sandbox.url,
            "KLING_ACCESS_KEY": sandbox.access_key,
            "KLING_SECRET_KEY": sandbox.secret_key,
            "KLING_WEBHOOK_SECRET": f"{NEW} {SECRET}",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "kling_core.cli.main", "callbacks", "--port", "0"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=environment, cwd=tmp_path, **pipes) as receiver:
            try:
                url = receiver.stdout.readline().strip()
                assert url.startswith("http://127.0.0.1:"), receiver.stderr.read()
                with Kling(
                    base_url=sandbox.url,
                    access_key=sandbox.access_key,
                    secret_key=sandbox.secret_key,
                    home=tmp_path / "home",
                    callback_url=url,
                    pace=PATIENT,
                ) as kling:
                    start = time.monotonic()
                    task = kling.text_to_video.create(prompt="a boat").wait(timeout=60)
                    took = time.monotonic() - start
                until(lambda: len(sandbox.callbacks) == 3 and sandbox.callbacks[-1].delivered)
                statuses = [delivery.statuses for delivery in sandbox.callbacks]
            finally:
                receiver.send_signal(signal.SIGINT)
                out, err = receiver.communicate(timeout=30)
    assert task.status == "succeeded"
    assert took < 30
    assert statuses == [[200], [200], [200]]
    assert (receiver.returncode, out) == (0, "")
    assert f"task {task.task_id}: succeeded" in err
    assert "Traceback" not in err


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["told", "starting"])
def test_a_signal_that_comes_early_ends_the_command(kind, moment):
    """Just after the address was told, or before uvicorn listens for signals: it is not lost."""
    from uvicorn import Config, Server

    from kling_core.cli.callbacks import _until_signalled

    class Starting(Server):
        async def serve(self, sockets=None):
            if moment == "starting":
                signal.raise_signal(kind)
            await super().serve(sockets)

    async def application(scope, receive, send):
        raise AssertionError("nobody asks")

    def tell() -> None:
        if moment == "told":
            signal.raise_signal(kind)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        _until_signalled(Starting(Config(application, log_level="error")), listener, tell)
