"""Fixtures of the sandbox's tests: sandboxes, raw HTTP clients, pictures, and a look into clips."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from helpers.api import Api, encoded, png

from kling_core.sandbox import Sandbox

Json = dict[str, Any]


def token(sandbox: Sandbox, **changes: Any) -> str:
    """A JWT as Kling's docs make it, with claims changed or (None) left out."""
    now = int(time.time())
    claims = {"iss": sandbox.access_key, "exp": now + 1800, "nbf": now - 5}
    secret = changes.pop("secret", sandbox.secret_key)
    claims = {key: value for key, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, secret, algorithm="HS256")


StartApi = Callable[..., Api]


@pytest.fixture
def start() -> Iterator[StartApi]:
    """Starts sandboxes with small outputs and great speed, and ends them after the test."""
    with ExitStack() as stack:

        def open_one(**options: Any) -> Api:
            sandbox = stack.enter_context(Sandbox(**{"quality": "test", "speed": 2000} | options))
            bearer = f"Bearer {sandbox.api_key}"
            client = httpx.Client(
                base_url=sandbox.url,
                headers={"Authorization": bearer},
                timeout=10,
                trust_env=False,
            )
            return Api(sandbox, stack.enter_context(client))

        yield open_one


@pytest.fixture
def api(start: StartApi) -> Api:
    """One sandbox with its client."""
    return start()


@pytest.fixture(scope="session")
def picture() -> str:
    """A 480x320 picture as base64."""
    return encoded(png(480, 320))


@pytest.fixture(scope="session")
def make_picture() -> Callable[[int, int], str]:
    """Makes a picture of any size as base64."""
    return lambda width, height: encoded(png(width, height))


@pytest.fixture(scope="session")
def forge() -> Callable[..., str]:
    """Makes tokens; see `token`."""
    return token


@dataclass
class Look:
    """What a decoded media file turned out to be."""

    width: int
    height: int
    seconds: float
    codec: str
    audio: str | None


@pytest.fixture(scope="session")
def look() -> Callable[[str], Look]:
    """Downloads a result and decodes every frame."""

    def download(url: str) -> Look:
        import av

        answer = httpx.get(url, trust_env=False)
        assert answer.status_code == 200, answer.text
        with av.open(io.BytesIO(answer.content), mode="r") as container:
            video = container.streams.video[0]
            frames = sum(1 for _ in container.decode(video))
            rate = float(video.average_rate or 1)
            sound = (
                container.streams.audio[0].codec_context.name if container.streams.audio else None
            )
            return Look(video.width, video.height, frames / rate, video.codec_context.name, sound)

    return download


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A folder for outputs."""
    return tmp_path / "outputs"
