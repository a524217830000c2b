"""Result files: their signed URLs, and which file a URL means."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from kling_core.sandbox.tasks import RETENTION_SECONDS, Made

PREFIX = "/media/"


class MediaUrls:
    """Makes and judges the URLs of outputs. A URL is good for 30 days of the sandbox's clock."""

    def __init__(self, base: Callable[[], str], clock: Callable[[], float]) -> None:
        self._base = base
        self._clock = clock
        self._key = secrets.token_bytes(16)
        self._ends: dict[str, int] = {}

    def url(self, made: Made, watermark: bool = False) -> str:
        """The URL of that output that is good now. The watermarked one gives the same picture."""
        stem = "watermark" if watermark else "output"
        suffix = made.output.path.suffix if made.output.path else ""
        name = f"{stem}-{made.index}{suffix}"
        path = f"{PREFIX}{made.token}/{name}"
        ends = self._ends.setdefault(made.token, int(self._clock()) + RETENTION_SECONDS)
        return f"{self._base()}{path}?expires={ends}&sign={self._sign(path, ends, made.generation)}"

    def is_good(self, made: Made, path: str, query: str) -> bool:
        """Whether a request for that output carries a signature that still holds."""
        values = parse_qs(query)
        ends, sign = values.get("expires", [""])[0], values.get("sign", [""])[0]
        if not ends.isdigit() or int(ends) <= self._clock():
            return False
        return hmac.compare_digest(sign, self._sign(path, int(ends), made.generation))

    def token_of(self, url: str) -> str | None:
        """The token in one of our own URLs, `None` for any other URL."""
        own, given = urlsplit(self._base()), urlsplit(url)
        if given.netloc != own.netloc or not given.path.startswith(PREFIX):
            return None
        return given.path.removeprefix(PREFIX).partition("/")[0]

    def _sign(self, path: str, ends: int, generation: int) -> str:
        text = f"{path}|{ends}|{generation}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]
