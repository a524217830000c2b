"""Making the HTTP library's clients, and saying which variable of the environment it chokes on."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx

from kling_core.advice import Advice, Text
from kling_core.errors import ConfigError
from kling_core.wire.deadline import Network

__all__ = ["Given", "examine", "lasting", "make"]

_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)
_DIRECT: dict[str, None] = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
"""This machine is never reached by a proxy, whatever the environment says: the sandbox is here."""

_PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_SCHEMES = ("http", "https", "socks5", "socks5h")
_OTHERS_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class Given(Generic[_Client]):
    """A client that the caller made: we cannot make another one like it, nor open it again."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._process: int | None = None  # the first to use it, not the one that made it

    def use(self) -> _Client:
        """The client. Raises `ConfigError` where nothing may be sent by it."""
        process = os.getpid()
        self._process = self._process or process
        if self._client.is_closed or self._process != process:
            why = "is closed" if self._client.is_closed else "was used before this process's fork"
            fix = "Make a new Kling, or AsyncKling, with an http_client that is open and its own."
            raise ConfigError(f"the http_client that was given {why}; nothing was sent", fix=fix)
        return self._client


def make(kind: type[_Client]) -> _Client:
    """A client that keeps to the end of each exchange; `ConfigError` when there can be none."""
    try:
        client = kind(limits=_LIMITS, mounts=_DIRECT)
    except Exception as error:  # which setting it chokes on is not in it; `examine` looks
        examine()
        raise ConfigError(
            f"the HTTP library cannot start: {type(error).__name__}",
            fix=Text(
                "Look at the proxy and certificate settings of this computer; ",
                Advice("doctor"),
                " shows them.",
            ),
        ) from error
    if isinstance(client, httpx.Client):
        # The library takes a network of one's own, but its clients have no argument for it.
        ports: list[Any] = [client._transport, *client._mounts.values()]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for port in ports:
            if port is not None:
                port._pool._network_backend = Network()  # noqa: SLF001
    return client


def examine(base_url: str = "") -> None:
    """Raise `ConfigError`, naming it, for a setting that the HTTP library would refuse.

    Costs next to nothing where none is set: it can be asked before anything is written down.
    """
    try:
        httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError(
            f"KLING_BASE_URL {base_url!r} is no address: {error}", fix="Nothing was sent."
        ) from None
    for name, value in os.environ.items():
        if not value.strip():
            continue
        if name.lower() in _PROXIES:
            _judge_proxy(name, value)
        elif name.lower() == "no_proxy":
            _judge_exceptions(name, value)
    if os.environ.get("SSL_CERT_FILE"):
        _judge_certificates("SSL_CERT_FILE", cafile=os.environ["SSL_CERT_FILE"])
    elif os.environ.get("SSL_CERT_DIR"):  # which the library reads only without the file
        _judge_folders(os.environ["SSL_CERT_DIR"])


def _judge_proxy(name: str, value: str) -> None:
    """No word of the value but its scheme is said: it may hold a password."""
    scheme, mark, _ = value.partition("://")
    scheme = scheme.lower() if mark else "http"
    wrong = ""
    if scheme not in _SCHEMES:
        wrong = f"begins with {scheme}://, which is no kind of proxy that can be used here"
    else:
        try:
            usable = bool(httpx.Proxy(value if mark else f"http://{value}").url.host)
        except (httpx.InvalidURL, ValueError):
            usable = False
        if not usable:
            wrong = "is not the address of a proxy"
        elif scheme.startswith("socks") and not _installed("socksio"):
            raise ConfigError(
                f"{name} names a SOCKS proxy, and the package for those is not installed",
                fix=f"pip install socksio, or unset {name}.",
            )
    if wrong:
        raise ConfigError(
            f"{name} {wrong}",
            fix=f"Write http://HOST:PORT or socks5://HOST:PORT, or unset {name}. Nothing was sent.",
        )


def _judge_exceptions(name: str, value: str) -> None:
    entries = [part.strip() for part in value.split(",")]
    # A * is "no proxy at all": the library reads nothing beside it.
    for entry in filter(None, entries if "*" not in entries else []):
        # As the library writes them, for it is the library that would refuse.
        pattern = entry if "://" in entry else f"all://[{entry}]" if _is_ipv6(entry) else ""
        try:
            httpx.URL(pattern or f"all://*{entry}")
        except (httpx.InvalidURL, ValueError):
            raise ConfigError(
                f"{name} has an entry that is no host: {entry[:80]!r}",
                fix="Write hosts, domains and addresses with commas in between: "
                f"{name}=localhost,.example.com,10.0.0.1. Nothing was sent.",
            ) from None


def _is_ipv6(entry: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(entry.partition("/")[0])
    except ValueError:
        return False
    return True


def _judge_certificates(name: str, *, cafile: str) -> None:
    path = Path(cafile)
    why = ""
    try:
        if path.is_dir():
            why = "which is a folder; SSL_CERT_DIR is the variable for folders"
        else:
            told = path.stat()
            _load(cafile, told.st_mtime_ns, told.st_size)
    except FileNotFoundError:
        why = "which is not there"
    except ssl.SSLError:
        why = "which holds no certificates that can be read"
    except (OSError, ValueError) as error:
        why = f"which cannot be read: {getattr(error, 'strerror', None) or error}"
    if why:
        raise ConfigError(
            f"{name} names {cafile}, {why}",
            fix=f"Unset {name}, or set it to a file of trusted certificates (PEM). "
            "Nothing was sent.",
        )


@lru_cache(4)
def _load(cafile: str, *_: int) -> None:
    """Read a file of certificates, once for each time and size that it has: 20 ms for a whole one.

    Raises `OSError`, `ValueError` and `ssl.SSLError`, each time anew.
    """
    ssl.create_default_context(cafile=cafile)


def _judge_folders(value: str) -> None:
    if not any(Path(part).is_dir() for part in value.split(os.pathsep)):
        raise ConfigError(
            f"SSL_CERT_DIR names {value}, which is no folder",
            fix="Unset SSL_CERT_DIR, or set it to a folder of trusted certificates. "
            "Nothing was sent.",
        )


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def lasting(error: Exception) -> str:
    """What to do about a trouble that no repetition mends; empty for one that may pass."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:  # before the next: its text begins with [SSL too
        return _about_certificates(text)
    if "[SSL" in text or "WRONG_VERSION_NUMBER" in text:
        return (
            "The host does not speak https there: check KLING_BASE_URL, its port, and HTTPS_PROXY."
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return "Check KLING_BASE_URL: https:// and the bare address of the host."
    if isinstance(error, httpx.ProxyError):
        return "A proxy refused: check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and NO_PROXY."
    return ""


def _about_certificates(text: str) -> str:
    if "expired" in text or "not yet valid" in text:
        return (
            "Check this computer's date and clock; if they are right, the host's certificate, or "
            "that of a proxy on the way, is out of date."
        )
    if "mismatch" in text:
        return (
            "Another host answered: check KLING_BASE_URL, and whether this network wants a login "
            "in the browser first."
        )
    set_already = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    other = next((name for name in _OTHERS_CERTIFICATES if os.environ.get(name)), None)
    if set_already:
        return (
            f"{set_already} (SSL_CERT_FILE, SSL_CERT_DIR) does not vouch for this host: add the "
            "certificate of your company's proxy to it, or unset the variable."
        )
    if other:
        return (
            f"{other} is set, which is not read here: set SSL_CERT_FILE to the same file, "
            f"{os.environ[other]}."
        )
    return (
        "A company's proxy or a virus scanner signs with a certificate of its own: ask for it as a "
        "PEM file, and set SSL_CERT_FILE to that file."
    )
