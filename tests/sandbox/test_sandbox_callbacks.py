"""Callbacks: what is posted when a task changes, how it is signed, and how often it is tried."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from local_server import LocalServer

from kling_core.sandbox.callbacks import sign

T2V = "/v1/videos/text2video"
BOAT = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}
SECRET = "whsec_" + base64.b64encode(b"a secret of some thirty bytes or so").decode()


@pytest.fixture
def receiver() -> Iterator[LocalServer]:
    """Who gets the callbacks."""
    with LocalServer() as server:
        yield server


def test_each_change_is_posted_flat(api: Any, receiver: LocalServer) -> None:
    """Submitted, processing and succeed come in order, as flat bodies with the result at last."""
    body = BOAT | {"callback_url": f"{receiver.url}/hook", "external_task_id": "boat"}
    created = api.create(T2V, body)
    bodies = [json.loads(request.body) for request in receiver.wait_for(3)]
    assert [sent["task_status"] for sent in bodies] == ["submitted", "processing", "succeed"]
    assert {sent["task_id"] for sent in bodies} == {created["task_id"]}
    assert "data" not in bodies[0]
    assert "task_result" not in bodies[1]
    last = bodies[2]
    assert last["task_info"]["external_task_id"] == "boat"
    assert last["final_unit_deduction"] == "1.5"
    assert last["task_result"]["videos"][0]["url"].startswith(api.sandbox.url)
    assert all("webhook-signature" not in request.headers for request in receiver.requests)


def test_signature(start: Any, receiver: LocalServer) -> None:
    """With a webhook secret each callback carries a Standard Webhooks signature of its raw body."""
    api = start(webhook_secret=SECRET)
    api.create(T2V, BOAT | {"callback_url": receiver.url})
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    ids: set[str] = set()
    for request in receiver.wait_for(3):
        webhook_id = request.headers["webhook-id"]
        ids.add(webhook_id)
        text = f"{webhook_id}.{request.headers['webhook-timestamp']}.".encode() + request.body
        expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert len(ids) == 3


def test_documented_signature_vector() -> None:
    """The vendor's test vector comes out."""
    key = base64.b64decode("dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    headers = sign(key, "9876543210", 1781080794, body)
    assert headers["webhook-signature"] == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


def test_three_attempts(api: Any, receiver: LocalServer) -> None:
    """An answer other than 200 is tried again, three times in all, before the next one."""
    receiver.statuses = [500, 503, 200, 500, 500, 500]
    api.create(T2V, BOAT | {"callback_url": receiver.url})
    statuses = [json.loads(request.body)["task_status"] for request in receiver.wait_for(7)]
    assert statuses == ["submitted"] * 3 + ["processing"] * 3 + ["succeed"]
    first, second = api.sandbox.callbacks[:2]
    assert (first.statuses, first.delivered) == ([500, 503, 200], True)
    assert (second.statuses, second.delivered) == ([500, 500, 500], False)


def test_other_hosts_get_nothing(api: Any) -> None:
    """For a host that is not this machine the callback is recorded and not sent."""
    api.finish(T2V, BOAT | {"callback_url": "https://hooks.example/kling"})
    assert [sent.body["task_status"] for sent in api.sandbox.callbacks] == [
        "submitted",
        "processing",
        "succeed",
    ]
    assert all(sent.attempts == 0 for sent in api.sandbox.callbacks)
