"""Where things are, as people write it in settings: hosts, files and folders, and their secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from kling_core.caller_warnings import notify
from kling_core.errors import ConfigError

__all__ = ["REGIONS", "Secret", "address", "expanded", "open_to_others", "place"]

REGIONS = {
    "global": "https://api-singapore.klingai.com",
    "cn": "https://api-beijing.klingai.com",
}
"""Hosts by region (Kling API reference, domains, 2026-09). A key works in its own region only."""


class Secret(str):
    """Text that no repr shows: tracebacks with local variables print those of every frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return self  # else `str()` makes a plain text of it, which shows

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def expanded(name: str, value: Any) -> Path:
    """The path with `~` expanded. Raises `ConfigError`, which names what it was given for."""
    if not isinstance(value, (str, os.PathLike)):  # a file of settings may hold anything
        raise ConfigError(f"{name} {value!r} is no path")
    shown = os.fspath(cast("str | os.PathLike[str]", value))
    if "\0" in shown:
        raise ConfigError(f"{name} {shown!r} is no path")
    try:
        return Path(shown).expanduser()
    except UnicodeEncodeError:
        raise ConfigError(f"{name} {shown!a} is no path: half of a character is in it") from None
    except RuntimeError:
        raise ConfigError(
            f"{name} {shown!r} is the home folder of somebody who is not there",
            fix="Write the path out, from / on.",
        ) from None


def place(name: str, value: str | os.PathLike[str]) -> Path:
    """A file or folder of the settings, settled once and for all: `~` expanded, and absolute.

    No shell expands what a `.env` file, a config file or a host's JSON says, and a program that
    changes its folder must not take its ledger along. Raises `ConfigError`.
    """
    path = expanded(name, value)
    try:
        return path.absolute()
    except OSError:
        raise ConfigError(
            f"{name} {os.fspath(value)!r} is in the current folder, which is not there any more",
            fix="Change to another folder, or write the path out.",
        ) from None


def address(text: str, name: str) -> str:
    """The host's address as requests begin: no `/v1`, which they bring along, no slash at its end.

    Raises `ConfigError`, which shows no user or password.
    """
    url = text.strip().rstrip("/")
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        shown = url.rpartition("@")[2]
        raise ConfigError(
            f"{name} {shown!r} has no http:// or https:// in front",
            fix=f"Write {REGIONS['global']}, or leave it out.",
        )
    netloc, slash, path = rest.partition("/")
    if "@" in netloc or "?" in url or "#" in url:
        raise ConfigError(
            f"{name} holds a user, a password, a query or a fragment",
            fix="Give the bare address of the host.",
        )
    path = re.sub(r"(^|/)v\d+$", "", path.rstrip("/"))  # as other SDKs want it
    if re.search(r"(^|/)v\d+/", path):
        raise ConfigError(
            f"{name} {url!r} is the address of one call, not of the host",
            fix=f"Write {scheme.lower()}://{netloc}.",
        )
    try:
        parts = urlsplit(f"{scheme}://{netloc}")
        _ = parts.port  # raises where it is none
        host = parts.hostname
    except ValueError:
        host = None
    if not host or re.search(r"[\s\\]", url):
        raise ConfigError(
            f"{name} {url!r} names no host", fix=f"Write {REGIONS['global']}, or leave it out."
        )
    if scheme.lower() == "http":
        from kling_core.media.safe_urls import inward

        if not inward(netloc):
            notify(f"{netloc} is asked without encryption: anybody on the way can read the key")
    return f"{scheme.lower()}://{netloc.lower()}{slash if path else ''}{path}"


def open_to_others(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a config file holds a secret, and others than its owner may read it."""
    secret = any(content.get(name) for name in ("api_key", "secret_key"))
    secret = secret or "@" in str(content.get("ledger", ""))
    return secret and os.name == "posix" and bool(path.stat().st_mode & 0o044)
