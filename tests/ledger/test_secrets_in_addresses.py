"""Addresses with a password, a token or a signature: sent as they are, kept and shown without."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.scripted import Script, client_of, envelope, task

from kling_core import Kling, errors
from kling_core.flows.recorded_request import NotReplayable, replay
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.redact import without_secrets
from kling_core.media.safe_urls import redacted
from kling_core.wire.effects import NoReply, Reply, Send

SECRET = "opensesame"
SIGNED = f"https://me:{SECRET}@bucket.example.com/a.png?w=100&X-Amz-Signature={SECRET}"
HOOK = f"https://example.com/hook?token={SECRET}&n=1"
FIELDS: dict[str, Any] = {"image": SIGNED, "prompt": "x", "callback_url": HOOK}


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://me:pw@h/a", "https://***@h/a"),
        ("https://me@h/a", "https://***@h/a"),
        ("https://h/a?token=x", "https://h/a?token=***"),
        ("https://h/a?X-Amz-Credential=x&X-Amz-Date=1", None),
        ("https://h/a?sv=1&sig=AB%3D", "https://h/a?sv=1&sig=***"),
        ("https://h/a?Expires=1&Signature=s", "https://h/a?Expires=1&Signature=***"),
        ("https://h/a?q-signature=s", "https://h/a?q-signature=***"),
        ("https://h/a?expires=1&sign=s#t", "https://h/a?expires=1&sign=***#t"),
        ("https://h/a?api_key=x", "https://h/a?api_key=***"),
        ("https://h/a?%74oken=x", "https://h/a?%74oken=***"),
        ("postgresql://u:p@h/d", "postgresql://***@h/d"),
    ],
)
def test_a_secret_of_an_address(url: str, shown: str | None) -> None:
    """Object stores and plain ones; the rest of the address stays."""
    wanted = shown or "https://h/a?X-Amz-Credential=***&X-Amz-Date=1"
    assert redacted(url) == wanted
    assert redacted(wanted) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "https://h/a.png",
        "https://h/a.png?w=100&design=2&monkey=1&page=3#frag",
        "https://h/@me/a.png?v=2",
        "no address",
        "",
        "https://h?token=",
    ],
)
def test_an_address_without_one(url: str) -> None:
    """Ordinary ones are as they were, so that they can be given again."""
    assert redacted(url) == url


def everything(ledger: Ledger) -> str:
    """All that the ledger's file holds."""
    return " ".join(p.read_bytes().decode("latin-1") for p in Path(ledger.place).parent.iterdir())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_sent_as_it_is_and_kept_without(kind: str) -> None:
    """The wire has the whole address; once Kling has the task, the row and its texts have not."""
    script = Script([envelope(task("1"))])
    client = client_of(kind, script)
    result = client.image_to_video.create(**FIELDS)
    if kind == "async":
        import asyncio

        asyncio.run(_done(result))
    (sent,) = script.sent
    assert sent.body is not None
    body = json.loads(b"".join(sent.body))
    assert (body["image"], body["callback_url"]) == (SIGNED, HOOK)
    ledger = client.session.ledger()
    (row,) = ledger.rows()
    assert SECRET not in json.dumps([row.request, row.media, row.text, row.error])
    assert row.request["fields"]["image"]["url"].endswith("?w=100&X-Amz-Signature=***")
    assert row.request["sent"]["callback_url"] == "https://example.com/hook?token=***&n=1"
    with pytest.raises(NotReplayable, match="image was given by an address"):
        replay(row)
    assert set(replay(row, leave_out=["image"])) == {"prompt", "model_name"}


async def _done(result: Any) -> Any:
    return await result


def test_what_may_still_be_sent_is_kept_whole() -> None:
    """A request that never left goes out later as it was given; then its secrets are forgotten."""
    absent = envelope(code=1201, message="Task not found by id/external id", status=400)

    def online(effect: Send) -> Reply:
        return envelope(task("1")) if effect.method == "POST" else absent

    script = Script([NoReply(sent=False, reason="no network")] * 4 + [online] * 5)
    client = client_of("sync", script)
    with pytest.raises(errors.ConnectionFailed):
        client.image_to_video.create(**FIELDS)
    (row,) = client.session.ledger().rows()
    assert SECRET in json.dumps(row.request["fields"])
    assert SECRET not in json.dumps(row.request["sent"])
    assert SECRET not in json.dumps(without_secrets(row.request))
    client.tasks.resume(send=True, wait=False)
    assert script.sent[-1].body is not None
    assert SIGNED in b"".join(script.sent[-1].body).decode()
    (row,) = client.session.ledger().rows()
    assert row.state == "submitted"
    assert SECRET not in json.dumps(row.request)


def test_what_was_refused_is_forgotten_too() -> None:
    """It will not be sent again as it stands."""
    refusal = envelope(code=1201, message="image is not valid", status=400)
    client = client_of("sync", Script([refusal]))
    with pytest.raises(errors.RequestRefused):
        client.image_to_video.create(**FIELDS)
    (row,) = client.session.ledger().rows()
    assert row.state == "rejected"
    assert SECRET not in json.dumps(row.request)


def test_an_ordinary_address_can_be_given_again() -> None:
    """Nothing is taken from it."""
    client = client_of("sync", Script([envelope(task("1"))]))
    url = "https://example.com/a.png?w=100"
    client.image_to_video.create(image=url, prompt="x", callback_url="https://example.com/h")
    (row,) = client.session.ledger().rows()
    again = replay(row)
    assert (again["image"], again["callback_url"]) == (url, "https://example.com/h")


def test_a_callback_address_of_the_settings(tmp_path: Path) -> None:
    """`KLING_CALLBACK_URL` with a token: in no row, and no sidecar repeats it."""
    posts: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posts.append(request)
        return httpx.Response(200, json={"code": 0, "data": task("1")})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    options: Any = {"api_key": "k" * 20, "home": tmp_path, "callback_url": HOOK}
    with Kling(**options, http_client=http) as kling:
        kling.text_to_video.create(prompt="x")
        (row,) = kling.session.ledger().rows()
        assert SECRET not in json.dumps(row.request)
        assert SECRET not in repr(kling.session.settings)
    assert json.loads(posts[0].content)["callback_url"] == HOOK
    http.close()


def test_a_password_of_a_database_in_tracebacks(tmp_path: Path) -> None:
    """Tracebacks with the variables of every frame show keys and passwords of nobody."""
    from rich.console import Console
    from rich.traceback import Traceback

    place = "postgresql://me:{}@127.0.0.1:9/db"
    with Kling(api_key="k" * 20, home=tmp_path, ledger=place.format(SECRET)) as kling:
        with pytest.raises(errors.LedgerError) as caught:
            kling.text_to_video.create(prompt="x")
        error = caught.value
        chain = [error]
        while chain[-1].__cause__ or chain[-1].__context__:
            chain.append(chain[-1].__cause__ or chain[-1].__context__)  # type: ignore[arg-type]
        for one in chain:
            shown = Console(file=io.StringIO(), width=400)
            traceback = Traceback.from_exception(
                type(one), one, one.__traceback__, show_locals=True, locals_max_string=10_000
            )
            shown.print(traceback)
            assert isinstance(shown.file, io.StringIO)
            text = shown.file.getvalue()
            assert "resources.py" in text or one is not error
            assert SECRET not in text
