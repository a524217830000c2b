"""Which addresses may be fetched from: judged by their spelling, their host and where it leads.

A front end that serves agents sets `Session.may_fetch` to `MediaHosts(…).judge`, and downloads then
reach Kling's media hosts only, redirects included. The library alone fetches what Kling names.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["MEDIA_HOSTS", "MediaHosts", "Resolve", "inward", "lookup", "public", "redacted"]

MEDIA_HOSTS = ("klingai.com", "kling.ai", "kechuangai.com", "kwimgs.com")
"""Domains from which Kling serves results, with all their hosts (result URLs, 2024 to 2026)."""

_SECRET = re.compile(
    r"signature|(^|[-_.])sign?($|[-_.])|token|secret|password|passwd|^pwd$|^pass$|auth|credential|hmac|policy|session"
    r"|(^|[-_.])(key|apikey|accesskey)([-_.]?id)?$|api.?key|access.?key",
    re.IGNORECASE,
)
"""Names of a query's values that let in whoever has them: those of object stores, and others."""

Resolve = Callable[[str], Sequence[str]]
"""Looks a host name up: the addresses it leads to. Raises `OSError` when there are none."""

_INWARD = (
    *("localhost", "local", "localdomain", "internal", "intranet", "private", "lan", "home"),
    *("corp", "arpa", "onion", "alt", "test", "invalid"),
)
"""Endings of names that mean this machine or its network, or that no public server knows.

Not `example`: it stands for a public host wherever it is written.
"""

_LOCAL = tuple(
    ipaddress.ip_network(net)
    for net in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24")
)
"""Ranges that are translated, routed locally or given up, which Python may call global."""


def lookup(host: str) -> Sequence[str]:
    """The addresses of a host by the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)]


def public(url: str) -> str:
    """Why a URL is none that everybody can reach by https; empty when it is. Looks nothing up."""
    parts = _split(url)
    if isinstance(parts, str):
        return parts
    if parts.scheme != "https":
        return f"{parts.scheme or 'no'}:// is not https://"
    return _credentials(parts) or _host(parts.hostname or "")


def inward(host: str) -> bool:
    """Whether a host, with its port or without, is by its spelling none of the public network."""
    parts = _split(f"http://{host}")
    return not isinstance(parts, str) and bool(_host(parts.hostname or ""))


def redacted(url: str) -> str:
    """A URL as it may be shown and kept: no password, no token or signature of its query.

    The same text when there is none in it. What is no URL is left as it is.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    place, hash_mark, fragment = rest.partition("#")
    place, question, query = place.partition("?")
    netloc, slash, path = place.partition("/")
    user, at, host = netloc.rpartition("@")
    if at and user:
        netloc = f"***@{host}"
    pairs = [_hidden(pair) for pair in query.split("&")]
    return f"{scheme}://{netloc}{slash}{path}{question}{'&'.join(pairs)}{hash_mark}{fragment}"


def _hidden(pair: str) -> str:
    name, equals, value = pair.partition("=")
    secret = value and _SECRET.search(unquote(name))
    return f"{name}{equals}***" if secret else pair


def _split(url: str) -> SplitResult | str:
    """The parts of a URL; a reason when clients may read it in different ways."""
    if any(c.isspace() or c == "\\" or unicodedata.category(c) == "Cc" for c in url):
        return "it holds spaces, backslashes or control characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no URL"
    if port not in (None, 443) and parts.scheme == "https":
        return f"port {port} is not that of https"
    return parts


def _credentials(parts: SplitResult) -> str:
    return "it holds a user name or a password" if "@" in parts.netloc else ""


def _host(host: str) -> str:
    """Why a host is not public by its spelling."""
    # As clients read it: wide letters are plain ones, and an ideographic stop is a dot.
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").lower()
    if not plain:
        return "it names no host"
    address = _literal(plain)
    if address is not None:
        return _inward(address)
    labels = plain.split(".")
    if labels[-1].isdecimal() or labels[-1].startswith("0x"):  # resolvers take it for an address
        return f"{host} is an address in disguise"
    if len(labels) == 1 or labels[-1] in _INWARD:
        return f"{host} is a name of a private network"
    return ""


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # Behind % is the interface by which a machine reaches it.
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _inward(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Why an address is not public, those inside it included; empty when it is."""
    inner: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inner += [a for a in (address.ipv4_mapped, address.sixtofour) if a is not None]
        inner += list(address.teredo or ())
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    judged = inner[1:] or inner  # what wraps another address leads where that one does
    bad = [a for a in judged if not a.is_global or a.is_multicast]  # which Python calls global
    bad += [a for a in inner if any(a in net for net in _LOCAL if net.version == a.version)]
    return f"{address} is a private, loopback or link-local address" if bad else ""


@dataclass(frozen=True, slots=True)
class MediaHosts:
    """The rule of our own fetches: https from known domains that lead to public addresses.

    `domains` with all their hosts; `origins` are exact places such as "http://127.0.0.1:8787" that
    are allowed whatever they are (the sandbox). `resolve` looks names up.
    """

    domains: Collection[str] = MEDIA_HOSTS
    origins: Collection[str] = ()
    resolve: Resolve = lookup

    def judge(self, url: str) -> str:
        """Why nothing is fetched from this URL; empty when it may be. Blocks while looking up."""
        parts = _split(url)
        if isinstance(parts, str):
            return parts
        if f"{parts.scheme}://{parts.netloc}" in self.origins:
            return ""
        host = (parts.hostname or "").rstrip(".").lower()
        return public(url) or self._unknown(host) or self._leads_inward(host)

    def _unknown(self, host: str) -> str:
        known = any(host == domain or host.endswith(f".{domain}") for domain in self.domains)
        return "" if known else f"{host} is none of Kling's media hosts"

    def _leads_inward(self, host: str) -> str:
        try:
            found = self.resolve(host)
        except OSError as error:
            return f"{host} cannot be looked up: {error}"
        for one in found:
            address = _literal(one)
            reason = "no address" if address is None else _inward(address)
            if reason:
                return f"{host} leads to {one}: {reason}"
        return "" if found else f"{host} leads nowhere"
