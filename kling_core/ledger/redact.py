"""A recorded request without the secrets of its addresses: passwords, tokens, signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kling_core.media.safe_urls import redacted

__all__ = ["without_secrets"]


def without_secrets(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recorded request as it may be kept and shown: no passwords and signatures in its addresses.

    The same object when there are none. What waits to be sent is kept whole: it needs them.
    """
    hidden = _hidden(request)
    return request if hidden == request else hidden


def _hidden(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        facts = cast("Mapping[str, Any]", value)
        made = {key: _hidden(inner, key) for key, inner in facts.items()}
        # Marked, so that sending it again asks for the address in place of sending half of one.
        return {**made, "hidden": True} if "media" in made and made != facts else made
    if isinstance(value, list):
        return [_hidden(entry) for entry in cast("list[Any]", value)]
    return redacted(value) if name in ("url", "callback_url") and isinstance(value, str) else value
