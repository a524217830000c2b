"""Sends task changes to `callback_url`, as the service does (Kling API reference, callbacks).

Only to this machine; for other hosts the body is kept and nothing is sent. Signed as Standard
Webhooks when the sandbox has a webhook secret. Retries are the sandbox's own: three attempts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from kling_core.sandbox.jobs import new_id

ATTEMPTS: Final = 3
"""How often one callback is tried."""

_LOCAL = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


@dataclass
class Delivery:
    """One callback: what was sent, where, and what came of it."""

    url: str
    body: dict[str, Any]
    at: int = 0
    """When it was reported, in seconds."""

    attempts: int = 0
    statuses: list[int] = field(default_factory=list[int])
    """HTTP statuses answered; 0 stands for no answer."""

    @property
    def delivered(self) -> bool:
        """Whether the receiver answered 200."""
        return 200 in self.statuses


class Callbacks:
    """Delivers callbacks in order from one worker thread, started with the first one."""

    def __init__(self, secret: str | None) -> None:
        self.deliveries: list[Delivery] = []
        self._key = base64.b64decode(secret.removeprefix("whsec_")) if secret else None
        self._queue: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._worker: threading.Thread | None = None

    def post(self, url: str, body: dict[str, Any], at: int) -> None:
        """Puts one callback in line; `at` is the time that its signature carries, in seconds."""
        delivery = Delivery(url, body, at)
        self.deliveries.append(delivery)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname not in _LOCAL:
            return
        if self._worker is None:
            self._worker = threading.Thread(
                target=self._work, name="kling-sandbox-callbacks", daemon=True
            )
            self._worker.start()
        self._queue.put(delivery)

    def stop(self) -> None:
        """Ends the worker; what was not sent yet is dropped."""
        self._stopping.set()
        self._queue.put(None)
        if self._worker:
            self._worker.join(_TIMEOUT_SECONDS + 1)

    def _work(self) -> None:
        while (delivery := self._queue.get()) is not None and not self._stopping.is_set():
            while delivery.attempts < ATTEMPTS and not delivery.delivered:
                if delivery.attempts and self._stopping.wait(_PAUSE_SECONDS * delivery.attempts):
                    return
                self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        body = json.dumps(delivery.body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers |= sign(self._key, new_id(), delivery.at, body)
        request = urllib.request.Request(  # noqa: S310 - only http(s) of this machine gets here
            delivery.url, data=body, headers=headers, method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        delivery.attempts += 1
        try:
            with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                delivery.statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            delivery.statuses.append(error.code)
            error.close()
        except OSError:
            delivery.statuses.append(0)


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three Standard Webhooks headers; the timestamp is in seconds."""
    text = f"{webhook_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }
