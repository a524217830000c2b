"""Each fault does what it says: what the client sees, and what the account has afterwards."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest

from kling_core.sandbox import Fault

T2V = "/v1/videos/text2video"
IMAGES = "/v1/images/generations"
BOAT = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}


def drain(answer: httpx.Response, into: bytearray) -> None:
    for chunk in answer.iter_raw():
        into.extend(chunk)


def test_refuse(api: Any) -> None:
    """The chosen code and status, and no task."""
    fault = Fault("refuse", kind="create", status=429, code=1302, message="too many requests")
    api.sandbox.faults.add(fault)
    answer = api.post(T2V, BOAT)
    assert (answer.status_code, answer.json()["code"]) == (429, 1302)
    assert answer.json()["message"] == "too many requests"
    assert api.sandbox.tasks == []
    assert api.sandbox.stats.codes == {1302: 1}
    api.create(T2V, BOAT)


@pytest.mark.parametrize("action, tasks", [("reset_before", 0), ("reset_after", 1)])
def test_reset(api: Any, action: Any, tasks: int) -> None:
    """A real TCP reset, before or after the task was accepted."""
    api.sandbox.faults.add(Fault(action, kind="create"))
    with pytest.raises(httpx.ReadError, match="reset"):
        api.post(T2V, BOAT)
    assert len(api.sandbox.tasks) == tasks
    assert api.sandbox.wait_idle()
    assert api.sandbox.stats.billed_tasks == tasks


@pytest.mark.parametrize("size", [0, 20])
def test_cut_after(api: Any, size: int) -> None:
    """Some bytes of the answer's body, then a reset; the task is accepted."""
    api.sandbox.faults.add(Fault("cut_after", kind="create", bytes=size))
    with api.http.stream("POST", T2V, json=BOAT) as answer:
        assert answer.status_code == 200
        received = bytearray()
        with pytest.raises(httpx.ReadError):
            drain(answer, received)
    assert len(received) == size
    assert len(api.sandbox.tasks) == 1


@pytest.mark.parametrize("after, tasks", [(False, 0), (True, 1)])
def test_stall(api: Any, after: bool, tasks: int) -> None:
    """Silence until the client gives up, before or after accepting."""
    api.sandbox.faults.add(Fault("stall", kind="create", after=after))
    with pytest.raises(httpx.ReadTimeout):
        api.http.post(T2V, json=BOAT, timeout=0.3)
    assert len(api.sandbox.tasks) == tasks


def test_stall_for_a_while(api: Any) -> None:
    """A stall with an end answers late."""
    api.sandbox.faults.add(Fault("stall", kind="create", seconds=0.2))
    began = time.monotonic()
    api.create(T2V, BOAT)
    assert time.monotonic() - began >= 0.2


def test_status_after(api: Any) -> None:
    """A server error although the task was accepted."""
    api.sandbox.faults.add(Fault("status_after", kind="create", status=504, code=5002))
    answer = api.post(T2V, BOAT)
    assert (answer.status_code, answer.json()["code"]) == (504, 5002)
    assert len(api.sandbox.tasks) == 1


@pytest.mark.parametrize("after, tasks", [(False, 0), (True, 1)])
@pytest.mark.parametrize("status", [200, 502])
def test_html(api: Any, after: bool, tasks: int, status: int) -> None:
    """A gateway's page instead of JSON, before or after accepting."""
    api.sandbox.faults.add(Fault("html", kind="create", status=status, after=after))
    answer = api.post(T2V, BOAT)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert len(api.sandbox.tasks) == tasks


def test_broken_json(api: Any) -> None:
    """Half of the answer, though the task was accepted."""
    api.sandbox.faults.add(Fault("broken_json", kind="create"))
    with pytest.raises(json.JSONDecodeError):
        api.post(T2V, BOAT).json()
    assert len(api.sandbox.tasks) == 1


def test_truncate(api: Any) -> None:
    """A download ends early; the next one, by range, brings the rest."""
    url = api.finish(T2V, BOAT)["task_result"]["videos"][0]["url"]
    whole = httpx.get(url, trust_env=False).content
    api.sandbox.faults.add(Fault("truncate", bytes=100), Fault("truncate", bytes=50))
    first, second = bytearray(), bytearray()
    for received, headers in ((first, {}), (second, {"Range": "bytes=100-"})):
        stream = httpx.stream("GET", url, headers=headers, trust_env=False)
        with stream as answer, pytest.raises(httpx.RemoteProtocolError, match="complete message"):
            drain(answer, received)
    assert bytes(first + second) == whole[:150]


def test_slow_and_fail(api: Any) -> None:
    """A task can be made slower by real seconds, or made to fail with a text."""
    api.sandbox.faults.add(Fault("slow", seconds=0.3), Fault("fail", text="Server busy"))
    began = time.monotonic()
    assert api.finish(T2V, BOAT)["task_status"] == "succeed"
    assert time.monotonic() - began >= 0.3
    data = api.finish(T2V, BOAT)
    assert (data["task_status"], data["task_status_msg"]) == ("failed", "Server busy")
    assert api.sandbox.stats.billed_tasks == 1


def test_strange_answers(api: Any) -> None:
    """Unknown status, numbers as strings and new fields bend one answer each."""
    task_id = api.finish(T2V, BOAT)["task_id"]
    api.sandbox.faults.add(
        Fault("unknown_status", text="reviewing"),
        Fault("numbers_as_strings"),
        Fault("extra_fields"),
    )
    bent = [api.get(f"{T2V}/{task_id}").json()["data"] for _ in range(4)]
    assert bent[0]["task_status"] == "reviewing"
    assert bent[1]["created_at"] == str(bent[3]["created_at"])
    assert bent[2]["new_field"]
    assert bent[3]["task_status"] == "succeed"
    assert "new_field" not in bent[3]


def test_choice_of_requests(api: Any) -> None:
    """Kind, endpoint, `skip` and `times` say which requests are hit, in the order of adding."""
    api.sandbox.faults.add(Fault("refuse", kind="list", endpoint="text_to_video", skip=1, times=2))
    codes = [api.get(T2V).json()["code"] for _ in range(4)]
    assert codes == [0, 5001, 5001, 0]
    api.sandbox.faults.add(Fault("refuse", kind="list", endpoint="text_to_video", times=None))
    assert api.get(IMAGES).json()["code"] == 0
    assert api.get(f"{T2V}/1").json()["code"] == 1201
    assert [api.get(T2V).json()["code"] for _ in range(3)] == [5001] * 3
    api.sandbox.faults.clear()
    assert api.get(T2V).json()["code"] == 0


def test_over_http(api: Any) -> None:
    """Faults can be set from another process, with the key, and with known fields only."""
    answer = api.post("/sandbox/faults", {"action": "refuse", "kind": "list", "code": 5000})
    assert answer.json()["code"] == 0
    assert len(api.get("/sandbox/faults").json()["data"]) == 1
    assert api.get(T2V).json()["code"] == 5000
    api.post("/sandbox/faults", {"action": "refuse", "times": None})
    assert api.http.delete("/sandbox/faults").json()["data"] == []
    assert api.get(T2V).json()["code"] == 0
    for wrong in ({"action": "explode"}, {"kind": "get"}, {"action": "refuse", "often": 3}):
        assert api.post("/sandbox/faults", wrong).json()["code"] == 1200


def server_threads() -> list[threading.Thread]:
    """The serving threads of all sandboxes of this process."""
    return [t for t in threading.enumerate() if t.name.startswith("kling-sandbox-server")]


def test_a_client_that_leaves_frees_the_stall(api: Any) -> None:
    """A stalled request whose client has gone does not linger in the server."""
    api.sandbox.faults.add(Fault("stall", kind="list"))
    headers = {"Authorization": f"Bearer {api.sandbox.api_key}"}
    servers = server_threads()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(api.sandbox.url + T2V, headers=headers, timeout=0.2, trust_env=False)
    began = time.monotonic()
    api.sandbox.stop()
    assert time.monotonic() - began < 1
    assert len(server_threads()) == len(servers) - 1
