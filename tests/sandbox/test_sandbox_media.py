"""Result files: ranges, signatures, expiry, credentials; and input files fetched by URL."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from helpers.api import png
from local_server import LocalServer

from kling_core.sandbox import Fault

T2V = "/v1/videos/text2video"
I2V = "/v1/videos/image2video"
BOAT = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}


@pytest.fixture
def local() -> Iterator[LocalServer]:
    """A server on this machine with files to fetch."""
    with LocalServer() as server:
        yield server


def fetch(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def result_url(api: Any) -> str:
    return api.finish(T2V, BOAT)["task_result"]["videos"][0]["url"]


def test_ranges(api: Any) -> None:
    """The file is served whole and in parts, without credentials."""
    url = result_url(api)
    whole = fetch(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    part = fetch(url, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    rest = fetch(url, Range=f"bytes={len(whole.content) - 7}-")
    assert rest.content == whole.content[-7:]
    assert fetch(url, Range=f"bytes={len(whole.content)}-").status_code == 416
    head = httpx.head(url, trust_env=False)
    assert head.headers["content-length"] == str(len(whole.content))


def test_credentials_on_media_are_recorded(api: Any) -> None:
    """Who sends its key to the media host gets 400 and is found out."""
    url = result_url(api)
    assert api.sandbox.stats.leaked_credentials == []
    assert fetch(url, Authorization="Bearer x").status_code == 400
    assert len(api.sandbox.stats.leaked_credentials) == 1


def test_signature_guards_the_file(api: Any) -> None:
    """Neither a guessed token nor a changed signature or expiry opens a file."""
    url = result_url(api)
    path, _, query = url.partition("?")
    assert fetch(path).status_code == 403
    assert fetch(f"{path}?{query[:-1]}x").status_code == 403
    assert fetch(url.replace("expires=1", "expires=9")).status_code == 403
    assert fetch(f"{api.sandbox.url}/media/guess/output-0.mp4?{query}").status_code == 404
    assert fetch(f"{api.sandbox.url}/media/..%2f..%2fetc/passwd").status_code == 404


def test_expired_url_is_renewed_by_the_task(api: Any) -> None:
    """After an expiry the old URL stays dead and the task tells a live one."""
    url = result_url(api)
    api.sandbox.faults.add(Fault("expire"))
    assert [fetch(url).status_code for _ in range(3)] == [403, 403, 403]
    fresh = api.get(T2V).json()["data"][0]["task_result"]["videos"][0]["url"]
    assert fresh != url
    assert fetch(fresh).status_code == 200


def test_input_from_this_machine_is_fetched(api: Any, local: LocalServer) -> None:
    """A picture on 127.0.0.1 is fetched by the sandbox itself, without the client's key."""
    local.files["/photo.png"] = png(400, 400)
    data = api.finish(I2V, {"model_name": "kling-v3", "image": f"{local.url}/photo.png"})
    assert data["task_status"] == "succeed"
    (request,) = local.requests
    assert "authorization" not in request.headers


def test_input_that_is_not_there_fails_the_task(api: Any, local: LocalServer) -> None:
    """A dead link, a text and a redirect out of this machine end the task, not the sandbox."""
    local.files["/text.png"] = b"no picture"
    local.redirects["/away.png"] = "http://203.0.113.1/photo.png"
    for name in ("missing.png", "text.png", "away.png"):
        data = api.finish(I2V, {"model_name": "kling-v3", "image": f"{local.url}/{name}"})
        assert data["task_status"] == "failed"
        assert "download" in data["task_status_msg"] or "format" in data["task_status_msg"]


def test_foreign_urls_open_no_socket(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For another host a stand-in is drawn; no connection is tried."""
    import urllib.request

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", refuse)
    data = api.finish(I2V, {"model_name": "kling-v3", "image": "https://pictures.example/a.jpg"})
    assert data["task_status"] == "succeed"


def test_storage_is_kept_when_given(start: Any, storage: Any) -> None:
    """Files in a given folder outlive the sandbox; base64 inputs leave none behind."""
    api = start(storage=storage)
    body = {"model_name": "kling-v3", "image": base64.b64encode(png(320, 320)).decode()}
    assert api.finish(I2V, body)["task_status"] == "succeed"
    api.sandbox.stop()
    (file,) = storage.iterdir()
    assert file.suffix == ".mp4"
