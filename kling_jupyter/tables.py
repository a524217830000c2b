"""Texts and tables about what there is: commands, models, effect scenes, voices."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kling_core.endpoints import registry

if TYPE_CHECKING:
    from kling_core.catalog.data import Capability, Model
    from kling_core.endpoints.base import Endpoint
    from kling_jupyter.commands.base import Command
    from kling_jupyter.figure import Bundle

__all__ = ["models", "overview"]


def overview(commands: Iterable[Command]) -> str:
    """All commands, each in one line: the endpoints, and these."""
    rows = [(e.command, ", ".join(e.aliases), e.summary) for e in registry.endpoints()]
    width = max(len(name) for name, _, _ in rows)
    lines = [
        "%kling COMMAND [options] prompt        or %%kling COMMAND [options], prompt below",
        "",
    ]
    for name, aliases, says in rows:
        short = f" (or {aliases})" if aliases else ""
        lines.append(f"  {name.ljust(width)}  {says.rstrip('.')}{short}")
    lines += ["", *(f"  {c.name.ljust(width)}  {c.summary}" for c in commands), "", _EPILOG]
    return "\n".join(lines)


def models(endpoints: Sequence[Endpoint]) -> Bundle:
    """The models of these endpoints, the default first, and what each can do."""
    from kling_core.catalog import data

    parts: list[tuple[str, list[tuple[str, ...]]]] = []
    for endpoint in endpoints:
        default = data.default_model(endpoint.name)
        rows = [_row(m, endpoint, default) for m in data.models(endpoint.name)]
        rows.sort(key=lambda row: not row[0].endswith("(default)"))
        if len(endpoints) == 1:
            rows += _extras(endpoint)
        if rows:
            parts.append((_title(endpoint), rows))
    as_of = f"Model table of {data.as_of()}."
    if not parts:
        as_of = f"{', '.join(e.command for e in endpoints)}: there is no model to choose."
    plain = [f"{title}\n{_aligned([_HEADS, *rows])}\n" for title, rows in parts]
    rich = [_table(title, rows) for title, rows in parts]
    return {
        "text/plain": "\n".join([*plain, as_of]),
        "text/html": "".join([*rich, f'<p style="margin:4px 8px">{html.escape(as_of)}</p>']),
    }


_HEADS = ("name", "status", "lengths or sizes")

_EPILOG = """\
The prompt is everything from the first word that is no option, verbatim; {name} in it is the
variable of that name. The task is the result: clip = %kling text-to-video a lighthouse in fog
Without a command: where you are connected, and what to type next."""


def _title(endpoint: Endpoint) -> str:
    from kling_core.catalog import data

    status = data.endpoint_status(endpoint.name)
    return endpoint.command if status.status == "active" else f"{endpoint.command}: {status.status}"


def _row(model: Model, endpoint: Endpoint, default: str | None) -> tuple[str, ...]:
    capability = model.endpoints[endpoint.name]
    name = f"{model.name} (default)" if model.name == default else model.name
    status = model.status
    if model.retired_on is not None:
        status = f"{status} {model.retired_on}"
    return name, status, _abilities(capability)


def _abilities(capability: Capability) -> str:
    if capability.modes:
        named = [
            f"{'' if mode == 'none' else mode + ' '}{_joined(sorted(lengths, key=int))} s"
            for mode, lengths in capability.modes.items()
        ]
        return "; ".join(named)
    sizes = sorted({size for offered in capability.resolutions.values() for size in offered})
    return ", ".join([*sizes, *capability.aspect_ratios])


def _joined(lengths: Sequence[str]) -> str:
    """5, 10 as they are; a run of many as 3 to 15."""
    numbers = [int(n) for n in lengths]
    run = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} to {numbers[-1]}" if run else ", ".join(lengths)


def _extras(endpoint: Endpoint) -> list[tuple[str, ...]]:
    """The effect scenes or the voices, where the endpoint takes one."""
    from kling_core.catalog import data

    params = endpoint.request.params()
    if "effect_scene" in params:
        return [
            (scene.name, f"{scene.images} image{'s'[: scene.images - 1]}", "effect scene")
            for scene in data.effects().values()
            if scene.listed and scene.ended_on is None
        ]
    if "voice_language" in params:
        return [
            (voice.voice_id, ", ".join(voice.languages), voice.name_en or voice.name_zh or "voice")
            for voice in data.voices().values()
        ]
    return []


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    heads = "".join(f'<th scope="col" style="text-align:left">{head}</th>' for head in _HEADS)
    cells = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        '<table style="margin:4px 8px">'
        f'<caption style="text-align:left;font-weight:600">{html.escape(title)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"
    )
