"""Whether Kling can reach what a request names: it fetches media and calls back from outside.

Judged by spelling alone, of requests that go to Kling: a sandbox on this machine reaches it, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kling_core.declare.endpoint import Request, media_values
from kling_core.errors import Violation
from kling_core.media.safe_urls import inward

if TYPE_CHECKING:
    from kling_core.flows.session import Session

__all__ = ["unreachable"]


def unreachable(session: Session, request: Request) -> list[Violation]:
    """A violation for each address that only this machine or its network knows."""
    settings = session.settings
    if session.sandbox or inward(urlsplit(settings.base_url).netloc):
        return []
    fields = request.check().fields
    callback = str(fields.get("callback_url") or settings.callback_url or "")
    named = [*_media(request), *([("callback_url", callback)] if callback else [])]
    return [_violation(field, host) for field, url in named if (host := _inside(url))]


def _media(request: Request) -> Iterator[tuple[str, str]]:
    for value in request.check().fields.values():
        for media in media_values(value):
            if media.url is not None:
                yield media.field, media.url


def _inside(url: str) -> str:
    """The host of a URL that is none of the public network; empty for others."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # that it is no URL is told where fields are checked
        return ""
    # `hostname` has taken the brackets off.
    return host if inward(f"[{host}]" if ":" in host else host) else ""


def _violation(field: str, host: str) -> Violation:
    if field == "callback_url":
        valid = "an address that everybody can reach, or leave it out (KLING_CALLBACK_URL, too)"
    else:
        valid = "the file itself, or an address that everybody can reach"
    return Violation(field, f"Kling cannot reach {host}: it is known in your network only", valid)
