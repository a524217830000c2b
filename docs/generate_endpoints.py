"""The endpoint reference as Markdown, derived from the declarations.

`python -m docs.generate_endpoints FILE` writes it; a test compares `docs/endpoints.md` with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kling_core.catalog import tables
from kling_core.declare import kinds, registry
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
        ", ".join(f"`{route}`" for route in endpoint.routes.values()),
        f"{endpoint.makes}s" if endpoint.makes != "data" else "data",
        slots if endpoint.pool else "none",
        f"{status.status} ({status.status_as_of})",
    )
    return f"| {' | '.join(cells)} |"


def _section(endpoint: Endpoint) -> list[str]:
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
    if not endpoint.has_tasks:
        lines += ["It answers at once, so there is no `get` and no `list`.", ""]
    if endpoint.presets:
        lines += [f"`kling.{endpoint.name}.presets()` lists what is offered to everybody.", ""]
    lines += ["```python", f"kling.{endpoint.name}.create(", *example, ")", "```", ""]
    lines += ["| field | meaning | values | default |", "| --- | --- | --- | --- |"]
    return lines + [_field(declared) for declared in fields]


def _field(declared: Param) -> str:
    default = "required" if declared.required else _default(declared)
    meaning = declared.doc.replace("|", "\\|")
    values = _values(declared, kinds.kind_of(declared))
    return f"| `{declared.name}` | {meaning} | {values} | {default} |"


def _default(declared: Param) -> str:
    value = declared.default if declared.default is not None else declared.api_default
    return "" if value is None else f"`{value}`"


def _values(declared: Param, kind: kinds.Kind) -> str:
    """What the field may be, in the words of a table's cell."""
    match kind:
        case kinds.Medium(stuff=stuff):
            return stuff
        case kinds.ListOf(item=kinds.Medium(stuff=stuff)):
            return f"{stuff} list"
        case kinds.OneOf(values=values) | kinds.Switch(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case kinds.Number(least=least, most=most) if least is not None and most is not None:
            facts = [f"{least:g} to {most:g}"]
        case kinds.Text(most=most) if most:
            facts = [f"at most {most:,}"]
        case kinds.ListOf(least=least, most=most) if most:
            facts = [f"{least} to {most} entries"]
        case _:
            facts = []
    return " ".join([*facts, declared.unit]).strip()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
