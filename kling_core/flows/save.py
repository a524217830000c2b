"""Keeping outputs: where a file goes, what stands beside it, whether it is what was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kling_core.caller_warnings import notify
from kling_core.config import project_name
from kling_core.errors import ConfigError
from kling_core.file_lock import fitted, write_whole
from kling_core.flows import audit
from kling_core.version import VERSION

if TYPE_CHECKING:
    from kling_core.flows.task_state import Output
    from kling_core.ledger.ledger import Ledger
    from kling_core.ledger.records import Row

_HIDDEN = len("..part")
"""Bytes by which the name of a sidecar grows while it is written."""


def place(row: Row, filename: str, root: Path) -> Path:
    """`<root>/<project>/<date>/<filename>`; the project's folder only when there is one."""
    day = datetime.fromtimestamp(row.created_at).astimezone().strftime("%Y-%m-%d")
    try:
        return root / project_name(row.project) / day / filename
    except ConfigError:  # written by whoever did not judge it: the clip is still to be had
        return root / day / filename


def keep(
    ledger: Ledger, row: Row, output: Output, path: Path, digest: str | None, *, sizes: bool
) -> None:
    """Record a whole file: hash, audit, sidecar and row; warns of what differs from the request.

    `digest` is its SHA-256 when that is known already.
    """
    recorded: Mapping[str, Any] = row.request.get("fields") or {}
    fields = dict(recorded)
    if output.task.request is not None:
        fields = dict(output.task.request.check().fields)
    if output.task.parent_video is not None:
        fields.pop("duration", None)  # what continues a video has the seconds of both
    fields.setdefault("model_name", row.model_name)
    facts, differences = audit.compare(path, output.kind, fields, sizes=sizes)
    digest = digest or _sha256(path)
    size = path.stat().st_size
    _write_sidecar(path, _sidecar(row, output, digest, size, facts, differences))
    # Last: cut off before it, the output is open and is kept again.
    ledger.keep(
        row.id,
        output.index,
        path=path.resolve(),
        sha256=digest,
        size=size,
        audit="; ".join(differences),
    )
    for difference in differences:
        notify(f"{path.name} is not what was asked for: {difference}")


def sidecar(path: Path) -> Path:
    """The JSON file beside an output."""
    return fitted(path, ".json", start="", room=_HIDDEN)


def _sidecar(
    row: Row,
    output: Output,
    digest: str,
    size: int,
    facts: Mapping[str, Any],
    differences: list[str],
) -> dict[str, Any]:
    return {
        "kling_suite": VERSION,
        "endpoint": row.endpoint,
        "model_name": row.model_name,
        "task_id": row.task_id,
        "external_task_id": row.external_task_id,
        "project": row.project,
        "created_at": datetime.fromtimestamp(row.created_at, UTC).isoformat(),
        "request": row.request.get("sent") or {},
        "media": row.media,
        "parent_task_id": row.parent_task_id,
        "parent_output_id": row.parent_output_id,
        "quote": {"units": _text(row.quote_units), "usd": _text(row.quote_usd)},
        "cost": {"units": _text(row.cost_units), "usd": _text(row.cost_usd)},
        "output": {"id": output.id, "number": output.index, "kind": output.kind},
        "sha256": digest,
        "size": size,
        "delivered": dict(facts),
        "differences": differences,
    }


def _write_sidecar(path: Path, content: Mapping[str, Any]) -> None:
    target = sidecar(path)
    if not _ours(target, content["task_id"]):
        taken = target
        target = fitted(path, f".{content['task_id']}.json", room=_HIDDEN)
        notify(f"{taken.name} is there already and tells of something else: see {target.name}")
    write_whole(target, json.dumps(content, ensure_ascii=False, indent=1).encode())


def _ours(target: Path, task_id: str | None) -> bool:
    """Whether a sidecar may have this name: it is free, or what it tells is of this very task.

    An empty file is what a power cut left of one.
    """
    try:
        content = target.read_bytes()
        said: Any = json.loads(content) if content.strip(b"\0") else None
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # somebody's, it seems: it is left alone
        return False
    if said is None:
        return not content.strip(b"\0")
    known = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    return "kling_suite" in known and known.get("task_id") == task_id


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
