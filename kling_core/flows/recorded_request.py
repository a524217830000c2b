"""A request as text that can be given again: fields as they were, media by path, URL or hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kling_core.declare import registry
from kling_core.declare.endpoint import Request
from kling_core.declare.fields import Part
from kling_core.errors import KlingError
from kling_core.ledger.records import Row
from kling_core.media.item import Media

if TYPE_CHECKING:
    from kling_core.rules.price import Quote


def record(request: Request) -> dict[str, Any]:
    """The given fields as JSON data; media as `{"media": name, "path" | "url" | "sha256": …}`."""
    check = request.check()
    media = request.endpoint.media_names
    recorded: dict[str, Any] = {}
    for name in check.fields:
        if name in check.sent:
            source = check.fields[name] if name in media else request.given.get(name)
            recorded[name] = _plain(check.fields[name] if source is None else source)
    return recorded


def identity(request: Request) -> dict[str, Any]:
    """What makes a request the same as another one, however it was written.

    Our own names of all fields, with the defaults that we assume and what follows from other
    fields, texts without blanks around them, media by URL or hash; ids and callbacks are left out.
    Raises `Unreadable`.
    """
    return {name: _essence(value) for name, value in request.settled(_made_of(request)).items()}


def digest(request: Request, take: int = 1) -> str:
    """The hash of a request's identity; those of the same request with another take differ.

    It begins with the version of what is hashed. Raises `Unreadable`.
    """
    return f"{_VERSION}:{_hashed(request, identity(request), take)}"


def digests(request: Request, take: int = 1) -> tuple[str, ...]:
    """The digests that rows of the same request have: today's, and that of older versions.

    Raises `Unreadable`.
    """
    return (digest(request, take), _first_digest(request, take))


def _first_digest(request: Request, take: int) -> str:
    """The hash that versions before 0.3 wrote, of the names on the wire of `/v1`."""
    fields = request.wire_fields(_made_of(request))
    return _hashed(request, {name: _essence(value) for name, value in fields.items()}, take)


_VERSION = 2


def _made_of(request: Request) -> dict[str, Any]:
    return {k: v for k, v in request.check().fields.items() if k not in _NOT_MADE_OF}


def _hashed(request: Request, made_of: Mapping[str, Any], take: int) -> str:
    parts = [request.endpoint.name, made_of, *([take] if take > 1 else [])]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def replay(row: Row, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a recorded request, to be given again, but for those in `leave_out`.

    Raises `NotReplayable` when media was given as bytes or has changed since.
    """
    fields: Mapping[str, Any] = row.request.get("fields") or {}
    if not fields:
        raise NotReplayable(
            f"task {row.task_id or row.id} was made elsewhere; its request is unknown"
        )
    kept = {name: value for name, value in fields.items() if name not in leave_out}
    if "***" in str(kept.get("callback_url", "")):  # whoever waits asks anyway
        kept.pop("callback_url")
    return {name: _again(value, name) for name, value in kept.items()}


def restored(row: Row) -> Request | None:
    """The request of a row, without its own id; None when it cannot be given again here."""
    endpoint = registry.known(row.endpoint)
    if endpoint is None:
        return None
    try:
        request = endpoint.request(**replay(row, leave_out=["external_task_id"]))
        return None if request.check().violations else request
    except KlingError:
        return None


def quoted(row: Row) -> Quote | None:
    """What a row's request was quoted at when it was made; None when no price was known."""
    if row.quote_units is None and row.quote_usd is None:
        return None
    from kling_core.rules.price import Quote

    day = datetime.fromtimestamp(row.created_at, UTC).date()
    return Quote(row.quote_units, row.quote_usd, day, "the ledger's quote", "as it was quoted then")


def url_of(recorded: Any) -> str | None:
    """The URL of a recorded media field, None when it has none."""
    if isinstance(recorded, Mapping):
        return cast("Mapping[str, Any]", recorded).get("url")
    return recorded if isinstance(recorded, str) else None


_NOT_MADE_OF = ("external_task_id", "callback_url")


class NotReplayable(KlingError):
    """The recorded request cannot be given again."""


def _plain(value: Any) -> Any:
    if isinstance(value, Media):
        return _media(value)
    if isinstance(value, Part):
        return _plain(value.given)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return {str(k): _plain(v) for k, v in items.items()}
    if isinstance(value, (list, tuple)):
        entries: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [_plain(entry) for entry in entries]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _essence(value: Any) -> Any:
    if isinstance(value, Media):
        return value.url or value.sha256()
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return {name: _essence(inner) for name, inner in items.items()}
    if isinstance(value, (list, tuple)):
        entries: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [_essence(entry) for entry in entries]
    return value


def _media(media: Media) -> dict[str, Any]:
    if media.url is not None:
        return {"media": media.name, "url": media.url}
    facts: dict[str, Any] = {"media": media.name, "sha256": media.sha256()}
    return facts | ({"path": str(media.path)} if media.path else {})


def _again(value: Any, name: str) -> Any:
    if isinstance(value, list):
        entries = cast("list[Any]", value)
        return [_again(entry, name) for entry in entries]
    if not isinstance(value, Mapping):
        return value
    facts = cast("Mapping[str, Any]", value)
    if "media" not in facts:
        return {k: _again(v, name) for k, v in facts.items()}
    if facts.get("hidden"):
        raise NotReplayable(
            f"{name} was given by an address with a password or a signature, which the ledger does "
            "not keep",
            fix="Make the request again with the address itself.",
        )
    if "url" in facts:
        return facts["url"]
    if "path" not in facts:
        raise NotReplayable(
            f"{name} was given as data, which the ledger does not keep",
            fix="Make the request again with the image itself.",
        )
    path = Path(facts["path"])
    if not path.exists() or _sha256(path) != facts["sha256"]:
        raise NotReplayable(
            f"{name}: {path} is gone or has changed since",
            fix="Put the file back, or give it anew.",
        )
    return str(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
