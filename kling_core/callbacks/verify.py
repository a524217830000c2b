"""Kling's callbacks: their signature, and what they say.

The signature follows Standard Webhooks (Kling API reference, callbacks, 2026-08): HMAC-SHA256 over
`id.timestamp.body`, several values in a header while a secret is being rotated. A callback is a
hint and no more: the state of a task always comes from a query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kling_core.editions import task_facts
from kling_core.errors import ConfigError, WebhookRejected
from kling_core.wire.json_reader import parse as wire_json

__all__ = ["TOLERANCE", "Callback", "WebhookRejected", "key_of", "parse", "verify"]

TOLERANCE = 300.0
"""Seconds by which a callback's time may differ from ours, either way (Standard Webhooks)."""

LONGEST = 500
"""Characters of a task's id, at most; Kling's have 18."""

_ID, _TIME, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback, read.

    Attributes:
        task_id: Kling's id of the task.
        external_task_id: our id, None when the callback names none.
        status: submitted, processing, succeeded or failed; an unknown word as it came. Never
            trusted: ask for the task.
        message: why it failed, in Kling's words; may be empty.
        webhook_id: the id of the delivery, the same in each repetition; empty when unsigned.
        raw: the body.
    """

    task_id: str
    external_task_id: str | None
    status: str
    message: str
    raw: Mapping[str, Any]
    webhook_id: str = ""


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    clock: Callable[[], float] | None = None,
) -> Callback:
    """The callback in `body`, when one of `secrets` (`whsec_…`) signed it within five minutes.

    Give the old and the new secret while one is being rotated. `headers` in any case; `body` is
    the raw body, before any parsing. `clock` gives seconds since 1970.

    Raises `WebhookRejected` with `http_status` 401 (not signed by us, or too old) or 400 (signed,
    but no callback), and `ConfigError` for a secret that is none.
    """
    keys = [key_of(secret) for secret in _listed(secrets)]
    if not keys:
        raise ConfigError("no webhook secret is given", fix="Give the console's whsec_… secret.")
    given = {name.lower(): value for name, value in headers.items()}
    webhook_id, stamp, signatures = (_header(given, name) for name in (_ID, _TIME, _SIGNATURE))
    _in_time(stamp, _now() if clock is None else clock())
    text = f"{webhook_id}.{stamp}.".encode() + body
    if not _signed(text, signatures, keys):
        raise WebhookRejected(
            "the signature is wrong",
            cause="Another secret signed it, or the body was changed on its way.",
            fix="Compare the secret with the console's; give old and new while rotating.",
            http_status=401,
        )
    return parse(body, webhook_id=webhook_id)


def parse(body: bytes, *, webhook_id: str = "") -> Callback:
    """Read a body of either edition: the flat one of `/v1`, or the new standard.

    It proves nothing about who sent it: see `verify`. Raises `WebhookRejected` with `http_status`
    400 when it is no callback.
    """
    raw: Any = wire_json(body)
    if raw is None:
        raise WebhookRejected("the body is not JSON", http_status=400)
    if not isinstance(raw, dict):
        raise WebhookRejected("the body is not a JSON object", http_status=400)
    data: dict[str, Any] = raw  # pyright: ignore[reportUnknownVariableType]
    facts = task_facts.read(data)
    task_id = facts.task_id
    if not task_id or len(task_id) > LONGEST:
        raise WebhookRejected("the body names no task", http_status=400)
    status = facts.status if facts.word else ""
    external = facts.external_task_id or None
    return Callback(task_id, external, status, facts.message, data, webhook_id)


def key_of(secret: str) -> bytes:
    """The signing key of a `whsec_…` secret. Raises `ConfigError` when it is none."""
    text = secret.strip().removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ConfigError(
            "a webhook secret is not valid: it is whsec_ and base64",
            fix="Copy it again from the console's webhook settings.",
        )
    return key


def _listed(secrets: str | Sequence[str]) -> Sequence[str]:
    return [secrets] if isinstance(secrets, str) else secrets


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise WebhookRejected(
            f"the header {name} is missing",
            cause="It was not signed: the account has no webhook secret, or this is not Kling.",
            http_status=401,
        )
    return value


def _in_time(stamp: str, now: float) -> None:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise WebhookRejected(f"{_TIME} is not a number of seconds", http_status=401)
    late = now - int(stamp)
    if abs(late) > TOLERANCE:
        side = "old" if late > 0 else "ahead of our clock"
        raise WebhookRejected(
            f"the callback is {abs(late):.0f} s {side}, {TOLERANCE:.0f} are allowed",
            cause="It was sent again by somebody, or a clock is wrong.",
            fix="Set this computer's clock (NTP).",
            http_status=401,
        )


def _signed(text: bytes, header: str, keys: Sequence[bytes]) -> bool:
    """Whether any `v1` value fits any key; every pair is compared, in constant time."""
    values = [value.encode() for version, _, value in _split(header) if version == "v1"]
    fits = False
    for key in keys:
        wanted = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
        for value in values:
            fits |= hmac.compare_digest(wanted, value)
    return fits


def _split(header: str) -> list[tuple[str, str, str]]:
    return [entry.partition(",") for entry in header.split()]


def _now() -> float:
    import time

    return time.time()
