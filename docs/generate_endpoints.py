"""The endpoint reference as Markdown, derived from the declarations.

`python -m docs.generate_endpoints FILE` writes it; a test compares `docs/endpoints.md` with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from kling_core.catalog import tables
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint
from kling_core.declare.fields import Param

_INTRODUCTION = (
    "Written by `make generate` from the declarations in `kling_core/endpoints/`. The examples "
    "follow these lines; `Kling(sandbox=True)` plays them without a key."
)


def render() -> str:
    """The whole reference."""
    lines = [
        "# Endpoints",
        "",
        _INTRODUCTION,
        "",
        "```python",
        "from kling_core import Kling",
        "",
        "kling = Kling()",
        "```",
        "",
        "| Python, magic and tool | command line | path | makes | slots | status |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(endpoint) for endpoint in registry.endpoints()]
    for endpoint in registry.endpoints():
        lines += _section(endpoint)
    return "\n".join(lines) + "\n"


def _row(endpoint: Endpoint) -> str:
    names = ", ".join(f"`{name}`" for name in (endpoint.command, *endpoint.aliases))
    slots = f"`{endpoint.weight}`" if isinstance(endpoint.weight, str) else str(endpoint.weight)
    status = tables.endpoint_status(endpoint.name)
    cells = (
        f"[`{endpoint.name}`](#{endpoint.name})",
        names,
        f"`{endpoint.path}`",
        endpoint.output,
        slots,
        f"{status.status} ({status.status_as_of})",
    )
    return f"| {' | '.join(cells)} |"


def _section(endpoint: Endpoint) -> list[str]:
    hints = get_type_hints(endpoint.request)
    fields = endpoint.request.params().values()
    status = tables.endpoint_status(endpoint.name)
    example = [f"    {name}={json.dumps(value)}," for name, value in endpoint.example.items()]
    lines = [
        "",
        f"## {endpoint.name}",
        "",
        f"{endpoint.summary} Source: {endpoint.source}.",
        "",
    ]
    if status.status != "active":
        instead = f" Use {status.instead}." if status.instead else ""
        lines += [f"> {status.status}: {status.evidence}.{instead}", ""]
    lines += ["```python", f"kling.{endpoint.name}.create(", *example, ")", "```", ""]
    lines += ["| field | meaning | values | default |", "| --- | --- | --- | --- |"]
    return lines + [_field(p, hints[p.name]) for p in fields]


def _field(declared: Param, hint: Any) -> str:
    default = "required" if declared.required else _default(declared)
    meaning = declared.doc.replace("|", "\\|")
    return f"| `{declared.name}` | {meaning} | {_values(declared, hint)} | {default} |"


def _default(declared: Param) -> str:
    value = declared.default if declared.default is not None else declared.api_default
    return "" if value is None else f"`{value}`"


def _values(declared: Param, hint: Any) -> str:
    if declared.media:
        many = " list" if declared.many else ""
        return f"{'image' if declared.media not in ('audio', 'video') else declared.media}{many}"
    choices = [str(c) for c in _literals(declared.of or hint)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    parts: list[str] = []
    if declared.ge is not None and declared.le is not None:
        parts.append(f"{declared.ge:g} to {declared.le:g}")
    if declared.max_length:
        parts.append(f"at most {declared.max_length:,}")
    if declared.max_items:
        parts.append(f"{declared.min_items or 0} to {declared.max_items} entries")
    if declared.unit:
        parts.append(declared.unit)
    return " ".join(parts)


def _literals(kind: Any) -> list[Any]:
    found: list[Any] = []
    if str(get_origin(kind)) == "typing.Literal":
        return list(get_args(kind))
    for inner in get_args(kind):
        found += _literals(inner) if str(get_origin(inner)) == "typing.Literal" else []
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
