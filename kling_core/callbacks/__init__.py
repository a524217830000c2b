"""The receiver of Kling's callbacks: an ASGI application that wakes whoever waits for the task.

A callback is verified, and then only nudges the ledger: the watcher of the task's endpoint asks
Kling at once. Nothing that a callback says is believed, so duplicates, replays, disorder and
callbacks of strangers' tasks do no harm.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from kling_core.callbacks import verify
from kling_core.callbacks.verify import Callback
from kling_core.errors import ConfigError, KlingError, LedgerError, WebhookRejected

if TYPE_CHECKING:
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Row

__all__ = ["BODY_LIMIT", "BODY_SECONDS", "CallbackReceiver", "wake"]

BODY_LIMIT = 1 << 20
"""Bytes of a callback's body, at most; real ones have a few thousand."""

BODY_SECONDS = 10.0
"""Seconds in which a callback's whole body has to come, however it drips."""

_REMEMBERED = 10_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class CallbackReceiver:
    """An ASGI application; mount it anywhere, every path of it takes callbacks.

    `ledger` is opened at the first callback: a ledger, or a function that opens it
    (`kling.session.ledger`). `secrets` are the `whsec_…` secrets of the account, old and new while
    rotating. `unsigned=True` also takes callbacks without a signature: Kling does not say whether
    it signs those of the `/v1` edition, and they can do no more than make us ask.

    It answers 200 when it understood; 401 without a right signature, 400 without a readable body,
    408 when the body takes longer than `BODY_SECONDS`, 413 above `BODY_LIMIT`, 405 to anything but
    POST, 503 when the ledger cannot be used.
    `listener` is told every verified callback and every error.

    Raises `ConfigError` for a secret that is none, or without any secret unless `unsigned`.
    """

    def __init__(
        self,
        ledger: Ledger | Callable[[], Ledger],
        secrets: str | Sequence[str] = (),
        *,
        unsigned: bool = False,
        clock: Callable[[], float] = time.time,
        listener: Callable[[Callback | KlingError], Any] | None = None,
    ) -> None:
        self._open = ledger if callable(ledger) else lambda: ledger
        self._secrets = [secrets] if isinstance(secrets, str) else list(secrets)
        for secret in self._secrets:
            verify.key_of(secret)
        if not self._secrets and not unsigned:
            raise ConfigError(
                "no webhook secret is given",
                fix="Give the console's whsec_… secret, or allow unsigned callbacks.",
            )
        self._unsigned, self._clock, self._listener = unsigned, clock, listener
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            status, text = await self._answer(scope, receive)
            await _reply(send, status, text)
        else:
            raise ValueError(f"callbacks come by HTTP, not by {scope['type']}")

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "callbacks are posted here"
        headers = _headers(scope)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(headers, receive)
        except TimeoutError:
            return 408, f"the body did not come within {BODY_SECONDS:g} s"
        if body is None:
            return 413, f"more than {BODY_LIMIT} bytes"
        try:
            callback = self._judge(headers, body)
            if callback.webhook_id not in self._seen:
                # In a thread: the ledger may wait for its lock, the loop must not.
                await asyncio.to_thread(lambda: wake(self._open(), callback))
                self._remember(callback.webhook_id)  # only now: after a 503 it comes again
        except WebhookRejected as error:
            self._tell(error)
            return error.http_status or 400, error.message
        except KlingError as error:
            self._tell(error)
            return 503, "not now"
        except Exception as error:  # noqa: BLE001, a stranger's request must not look like our end
            self._tell(LedgerError(f"a callback could not be taken: {type(error).__name__}"))
            return 503, "not now"
        self._tell(callback)
        return 200, "ok"

    def _judge(self, headers: Mapping[str, str], body: bytes) -> Callback:
        signed = "webhook-signature" in headers
        if self._unsigned and not (signed and self._secrets):
            return verify.parse(body)
        return verify.verify(headers, body, self._secrets, clock=self._clock)

    def _remember(self, webhook_id: str) -> None:
        if webhook_id:
            self._seen[webhook_id] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _tell(self, news: Callback | KlingError) -> None:
        if self._listener is not None:
            self._listener(news)


def wake(ledger: Ledger, callback: Callback) -> bool:
    """Make the watcher of the callback's task ask Kling at once, in whatever process it lives.

    False when the ledger does not know the task, or knows that it has ended.
    """
    from kling_core.ledger.records import ENDED

    row = _row(ledger, callback)
    if row is None or row.state in ENDED:
        return False
    ledger.nudge(row.endpoint)
    return True


def _row(ledger: Ledger, callback: Callback) -> Row | None:
    """The row of exactly this task; our id finds it before Kling's answer is written down."""
    for name in (callback.task_id, callback.external_task_id):
        row = ledger.get(name) if name else None
        if row is not None and name in (row.id, row.task_id, row.external_task_id):
            return row
    return None


# --- ASGI ----------------------------------------------------------------------------------


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


async def _read(headers: Mapping[str, str], receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is, or says that it is, too large."""
    announced = headers.get("content-length", "0")
    # By its digits first: what is endless is no number to Python.
    if announced.isdecimal() and (len(announced) > 9 or int(announced) > BODY_LIMIT):
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _reply(send: Send, status: int, text: str) -> None:
    content = f"{text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    if status in (408, 413):  # the rest of the body is still to come on it
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
