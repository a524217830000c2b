"""What all flows of one client share: settings, signer, clock, paths. No I/O."""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kling_core.ledger.records import SETTLING
from kling_core.output_paths import anchored
from kling_core.version import VERSION
from kling_core.wire.effects import Clock, Send
from kling_core.wire.signing import ApiKey, KeyPair, Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from kling_core.config import Settings
    from kling_core.declare.endpoint import Endpoint
    from kling_core.ledger.ledger import Ledger
    from kling_core.wire.body import JSONBody

T = TypeVar("T")

USER_AGENT = f"kling-suite/{VERSION}"

SANDBOX_HEADER = "kling-sandbox"
"""The header by which a sandbox says in each answer that it is one."""


@dataclass(slots=True)
class Pace:
    """How fast we ask and retry, in seconds.

    `poll_floor` and `poll_ceiling` bound the time between two looks at a running task; between
    them it is a tenth of the task's age. `recheck` is the pause between the two look-ups that must
    both say "not found" before a create is sent again. `settling` is the time after a create for
    which "not found" is only a hint. `line_tick` is the time between two looks at the ledger, by
    those who wait for a slot or let another process do the asking.
    """

    poll_floor: float = 2.0
    poll_ceiling: float = 15.0
    retry_first: float = 1.0
    retry_most: float = 30.0
    recheck: float = 3.0
    line_tick: float = 1.0
    settling: float = SETTLING


def _here() -> Path | None:
    """The current folder; None when it is not there any more."""
    try:
        return Path.cwd()
    except OSError:
        return None


@dataclass(slots=True)
class Session:
    """One account at one host."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    pace: Pace = field(default_factory=Pace)
    random: random.Random = field(default_factory=random.Random)
    sandbox: bool = False
    may_fetch: Callable[[str], str] | None = None
    """Asked before anything is downloaded: a reason refuses a URL, see `media.safe_urls`."""
    signer: Signer = field(init=False)
    _ledger: Ledger | None = field(init=False, default=None)
    _shared: dict[tuple[int, str, str], Any] = field(
        init=False, default_factory=dict[tuple[int, str, str], Any]
    )
    _start: Path | None = field(init=False, default_factory=_here)
    _opening: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        settings = self.settings
        if settings.api_key:
            self.signer = ApiKey(settings.api_key)
        else:
            self.signer = KeyPair(settings.access_key or "", settings.secret_key or "", self.clock)

    def ledger(self) -> Ledger:
        """The account's ledger, opened at first use. Raises `LedgerError`."""
        with self._opening:
            if self._ledger is None:
                from kling_core.ledger.ledger import Ledger

                account = self.account
                place = self.settings.ledger or self.settings.home / f"ledger-{account}.db"
                clock = self.clock
                self._ledger = Ledger(place, account, clock=clock.time, monotonic=clock.monotonic)
            return self._ledger

    def play(self, pace: Pace) -> None:
        """From now on the host is known as a sandbox, asked at this pace."""
        self.sandbox, self.pace = True, pace

    def close(self) -> None:
        """Close the ledger's connections; a later use opens them again."""
        if self._ledger is not None:
            self._ledger.close()

    def shared(self, kind: str, name: str, make: Callable[[], T]) -> T:
        """What all flows of this session and process share by this name, made at its first use."""
        with self._opening:
            key = (os.getpid(), kind, name)  # a forked process begins with its own
            if key not in self._shared:
                self._shared[key] = make()
            return self._shared[key]

    @property
    def account(self) -> str:
        """A fingerprint of host and key; it names the ledger and gives no secret away."""
        import hashlib

        key = self.settings.access_key or self.settings.api_key or ""
        return hashlib.sha256(f"{self.settings.base_url}|{key}".encode()).hexdigest()[:12]

    def path(self, endpoint: Endpoint) -> str:
        """The endpoint's path, unless a setting replaces it.

        Raises `NotKnownHere` for what stands for an endpoint that this version does not know.
        """
        if not endpoint.path:
            from kling_core.flows.known_rows import unknown

            raise unknown("this task", endpoint.source)
        return self.settings.paths.get(endpoint.name, endpoint.path)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: JSONBody | None = None,
    ) -> Send:
        """One signed request to the API host."""
        url = self.settings.base_url + path
        if query:
            from urllib.parse import urlencode

            url = f"{url}?{urlencode(query)}"
        headers = {
            "authorization": self.signer.header(),
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": USER_AGENT,
        }
        return Send(method, url, headers, body)

    def backoff(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds before the next try: doubling from `retry_first`, with jitter, capped."""
        if retry_after and retry_after.strip().isdecimal():
            return min(float(retry_after), self.pace.retry_most)
        full = min(self.pace.retry_first * 2.0 ** min(attempt, 60), self.pace.retry_most)
        return full * (1 + 0.25 * self.random.random())

    @property
    def output_dir(self) -> Path:
        """Where downloads go when no place is named; a program may change its folder meanwhile."""
        named = self.settings.output_dir
        return named if self._start is None else anchored(self._start, named)

    @property
    def max_cost(self) -> Decimal | None:
        """The most that one call may cost, in US dollars."""
        return self.settings.max_cost
