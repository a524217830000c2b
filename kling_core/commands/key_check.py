"""One free question to the service, and what its answer says about key, region and clock."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from kling_core import config
from kling_core.commands.account import DAYS
from kling_core.editions import task_facts
from kling_core.errors import KlingError
from kling_core.flows import read
from kling_core.flows.session import Session
from kling_core.wire.effects import Clock, Flow, NoReply, Reply


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one question.

    `skew` is how many seconds Kling's clock is ahead of ours, None when it did not say; `error`
    is None when the key was accepted; `packs` are then the account's resource packs.
    """

    answered: bool
    skew: float | None
    error: KlingError | None
    packs: tuple[Mapping[str, Any], ...] = ()

    @property
    def code(self) -> int | None:
        """Kling's error code."""
        return self.error.code if self.error else None

    @property
    def message(self) -> str:
        """The error in words; empty when there is none."""
        if self.error is None:
            return ""
        code = f" (code {self.error.code})" if self.error.code else ""
        return f"{self.error.message}{code}"


def probe(settings: config.Settings) -> Finding:
    """Ask for the account's packs once, without a retry: free of charge."""
    from kling_core.wire.effects import drive
    from kling_core.wire.transport import SyncTransport, Timeouts

    wait = min(settings.timeout, 15.0)
    port = SyncTransport(Timeouts(connect=min(wait, 10.0), read=wait, total=2 * wait))
    try:
        return drive(_ask(Session(settings)), port)
    finally:
        port.close()


def why_refused(settings: config.Settings) -> str:
    """Why a key is refused (1000, 1001, 1002), found by trying what people mix up."""
    here = settings.base_url
    other = {name: url for name, url in config.REGIONS.items() if url != here}
    if here not in config.REGIONS.values():
        other = {}
    for region, url in other.items():
        if _accepted(replace(settings, base_url=url)):
            return f"this key belongs to region {region}: set KLING_REGION={region}"
    if settings.api_key:
        return _why_no_api_key(settings, other)
    swapped = _swapped(settings)
    if not _trusted(here):
        return (
            f"the keys were not tried the other way round, because {here} is not Kling's and "
            "would see the secret key"
        )
    if _accepted(swapped):
        return "these keys are swapped: exchange access key and secret key"
    for region, url in other.items():
        if _accepted(replace(swapped, base_url=url)):
            return f"these keys are swapped, and belong to region {region}"
    tried = "swapped" + (" and in the other region" if other else "")
    return f"neither as given nor {tried}: copy both keys anew from the Kling console"


def _why_no_api_key(settings: config.Settings, other: Mapping[str, str]) -> str:
    access, secret = (os.environ.get(f"KLING_{n}_KEY", "").strip() for n in ("ACCESS", "SECRET"))
    if access and secret:
        pair = replace(settings, api_key=None, access_key=access, secret_key=secret)
        if _accepted(pair):
            return (
                "the key pair in the environment works, but the API key comes before it: remove "
                "the API key"
            )
    tried = ", in no region" if other else ""
    return (
        f"this is no API key that Kling knows{tried}; an access key alone is none: "
        "give KLING_ACCESS_KEY and KLING_SECRET_KEY, or a console API key"
    )


def _swapped(settings: config.Settings) -> config.Settings:
    return replace(settings, access_key=settings.secret_key, secret_key=settings.access_key)


def _trusted(url: str) -> bool:
    """Whether a host may see a secret key as the issuer of a token: Kling's, or this computer."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "localhost", "::1"):
        return True
    return parts.scheme == "https" and (host == "klingai.com" or host.endswith(".klingai.com"))


def _accepted(settings: config.Settings) -> bool:
    finding = probe(settings)
    return finding.answered and finding.error is None


def _ask(session: Session) -> Flow[Finding]:
    now = session.clock.time()
    query = {"start_time": int((now - DAYS * 86400) * 1000), "end_time": int(now * 1000)}
    reply = yield session.request("GET", "/account/costs", query=query)
    skew = _skew(reply, session.clock)
    verdict = read.judge(reply)
    if verdict.envelope is None:
        return Finding(isinstance(reply, Reply), skew, verdict.error)
    data = task_facts.mapping(verdict.envelope.get("data"))
    packs = data.get("resource_pack_subscribe_infos") or ()
    return Finding(True, skew, None, tuple(packs))


def _skew(reply: Reply | NoReply, clock: Clock) -> float | None:
    if not isinstance(reply, Reply) or not (stamp := reply.headers.get("date")):
        return None
    try:
        return parsedate_to_datetime(stamp).timestamp() - clock.time()
    except (ValueError, OverflowError):
        return None
