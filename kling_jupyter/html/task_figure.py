"""A task's outputs as static HTML that a saved notebook still plays, with no kernel.

Rules learnt from JupyterLab: it rewrites relative `src` and `href` but never `poster`, so the
poster is a data URI; `preload="none"` avoids a stray first request; hidden folders are not served,
and neither is anything above the notebook's folder.
"""

from __future__ import annotations

import base64
import html
import io
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kling_core.text import safe
from kling_jupyter.display import Bundle
from kling_jupyter.html.styles import FONT, LINK, MEDIA, QUIET, RED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as Picture

    from kling_core.declare.endpoint import Request
    from kling_core.flows.task_state import Output
    from kling_core.task import Task
    from kling_jupyter.errors import KlingMagicError

__all__ = [
    "described",
    "noted",
    "of_error",
    "of_state",
    "of_task",
    "price",
    "prompt_of",
    "relative",
    "still",
    "summary",
]

_POSTER_BYTES = 17_000
"""With a third more for base64 and the HTML around it, a clip stays below 25 KB."""

_DOT = " · "


def of_task(task: Task, folder: Path, notes: Sequence[str] = ()) -> Bundle:
    """The finished task: each output that is on disk, and a caption.

    `folder` is the notebook's; files below it are linked, others are named.
    """
    saved = [(output, output.path) for output in task.outputs]
    prompt = prompt_of(task.request, task)
    label = html.escape(f"{task.endpoint.command}: {prompt}" if prompt else task.endpoint.command)
    several = len(saved) > 1
    shown = [_shown(o, path, folder, label, several) for o, path in saved if path is not None]
    names = [_name(path, folder) for _, path in saved if path is not None]
    names += [html.escape(output.content) for output, _ in saved if not output.is_file]
    caption = _DOT.join(html.escape(fact) for fact in summary(task))
    row = "display:flex;flex-wrap:wrap;gap:8px" if several else ""
    body = (
        f'<figure style="margin:4px 8px 8px;{FONT}"><div style="{row}">{"".join(shown)}</div>'
        f'<figcaption style="margin-top:4px;text-align:left">{_DOT.join(names)}'
        f'<div style="{QUIET}">{caption}</div></figcaption></figure>'
    )
    plain = [f"{', '.join(_plain(saved, folder))} ({', '.join(summary(task))})", *noted(notes)]
    return {"text/html": body + _notes(notes), "text/plain": safe("\n".join(plain))}


def of_state(words: Sequence[str], notes: Sequence[str] = (), *, announce: bool = False) -> Bundle:
    """One line that tells how things stand; `announce` has screen readers say it."""
    first, *rest = words
    role = ' role="status"' if announce else ""
    quiet = "".join(f"{_DOT}{html.escape(word)}" for word in rest)
    line = (
        f'<p{role} style="margin:4px 8px;{FONT}"><strong>{html.escape(first)}</strong>'
        f'<span style="{QUIET}">{quiet}</span></p>'
    )
    plain = "\n".join([_DOT.join(words), *noted(notes)])
    return {"text/html": line + _notes(notes), "text/plain": safe(plain)}


def of_error(error: KlingMagicError, facts: Sequence[str], notes: Sequence[str] = ()) -> Bundle:
    """What went wrong, what to do, and whether it was billed, where no cell can raise it."""
    billed = {"yes": "It was billed.", "no": "It was not billed."}.get(error.billed, "")
    said = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
    more = [*error.lines, *([error.hint] if error.hint else [])]
    rich = "".join(f"<div>{html.escape(line)}</div>" for line in more)
    quiet = _DOT.join(html.escape(word) for word in [*([billed] if billed else []), *facts])
    body = (
        f'<div style="margin:4px 8px;padding-left:8px;border-left:3px solid {RED};{FONT}">'
        f'<strong style="color:{RED}">{html.escape(error.title)}</strong>: {html.escape(said)}'
        f'{rich}<div style="{QUIET}">{quiet}</div></div>'
    )
    plain = [f"{error.title}: {said}", *more, _DOT.join([*([billed] if billed else []), *facts])]
    return {
        "text/html": body + _notes(notes),
        "text/plain": safe("\n".join([*plain, *noted(notes)])),
    }


def noted(notes: Sequence[str]) -> list[str]:
    """The notes as lines of plain text."""
    return [f"Note: {note}" for note in notes]


def summary(task: Task) -> list[str]:
    """Model, length, cost and id, as far as they are known."""
    facts = described(task.request) if task.request is not None else [task.endpoint.command]
    lengths = {o.duration for o in task.outputs if o.duration is not None}
    if len(lengths) == 1:
        facts = [f for f in facts if not f.endswith(" s")]
        facts.insert(1, f"{_number(lengths.pop())} s")
    return [*facts, *price(task), f"task {task.task_id}"]


def described(request: Request) -> list[str]:
    """Model and length of a request."""
    fields = request.check().fields
    model = fields.get("model_name") or (request.parent or {}).get("model_name")
    seconds, mode = fields.get("duration"), fields.get("mode")
    facts = [str(model) if model else request.endpoint.command]
    if mode and mode != "std":
        facts[0] += f" {mode}"
    return [*facts, *([f"{seconds} s"] if seconds else [])]


def price(task: Task) -> list[str]:
    """What it cost in units and by list price; in the sandbox nothing is charged."""
    cost, expected = task.cost, task.quote
    known: list[str] = []
    if cost is not None and cost.units is not None:
        known.append(f"{_number(cost.units)} units")
    charged = task.status != "failed" and (cost is None or cost.units != 0)
    if charged and expected is not None and expected.usd is not None:
        known.append(f"${_dollars(expected.usd)}")
    words = " = ".join(known)
    if task.session.sandbox:
        by = " by list price" if charged else ""
        return [f"{words}{by}, free in the sandbox" if words else "free in the sandbox"]
    return [words] if words else []


def prompt_of(request: Request | None, task: Task | None = None) -> str:
    """The words of the prompt, shortened when they are many; empty when there are none."""
    words = (request.words if request is not None else "") or (
        task.words if task is not None else ""
    )
    return words if len(words) <= 300 else f"{words[:299]}…"


def relative(path: Path, folder: Path) -> str | None:
    """The path from the notebook's folder, with slashes; None when it cannot be served."""
    try:
        below = Path(os.path.relpath(path.absolute(), folder.absolute()))
    except ValueError:  # another drive
        return None
    hidden = any(part.startswith(".") for part in below.parts)
    return None if hidden or below.is_absolute() else below.as_posix()


# --- pieces --------------------------------------------------------------------------------


def _shown(output: Output, path: Path, folder: Path, label: str, several: bool) -> str:
    below = relative(path, folder)
    link = html.escape(quote(below), quote=True) if below is not None else None
    if output.kind == "audio":
        return _audio(link, label)
    side = 320 if several else 640
    data, width, height = still(output.kind, path, side)
    box = f'width="{width}" height="{height}"' if width else f'width="{side}"'
    if output.kind == "image" or link is None:
        picture = (
            f'<img src="{data}" alt="{label}" {box} style="{MEDIA}">' if data else _text(label)
        )
        return f'<a href="{link}">{picture}</a>' if link is not None else picture
    poster = f' poster="{data}"' if data else ""
    return (
        f'<video controls preload="none" playsinline src="{link}"{poster} {box} '
        f'aria-label="{label}" style="{MEDIA};background:#000"></video>'
    )


def _audio(link: str | None, label: str) -> str:
    if link is None:
        return ""
    return f'<audio controls preload="none" src="{link}" aria-label="{label}"></audio>'


def _name(path: Path, folder: Path) -> str:
    below = relative(path, folder)
    if below is None:
        return f"<code>{html.escape(str(path))}</code> (not below the notebook: open it there)"
    link = html.escape(quote(below), quote=True)
    return f'<a href="{link}" style="{LINK}">{html.escape(path.name)}</a>'


def _text(label: str) -> str:
    return f'<p style="margin:0">{label}</p>'


def _notes(notes: Sequence[str]) -> str:
    return "".join(
        f'<p style="margin:2px 8px;{FONT};{QUIET}">Note: {html.escape(note)}</p>' for note in notes
    )


def _plain(saved: Sequence[tuple[Output, Path | None]], folder: Path) -> list[str]:
    """Where its files are, and what is said of what is no file."""
    told = ((relative(path, folder) or str(path)) if path else o.content for o, path in saved)
    return [words for words in told if words]


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _dollars(value: Decimal) -> str:
    cents, fraction = f"{value:f}".partition(".")[::2]
    return f"{cents}.{fraction.rstrip('0').ljust(2, '0')}"


# --- stills --------------------------------------------------------------------------------


def still(kind: str, path: Path, side: int, limit: int = 0) -> tuple[str, int, int]:
    """A small JPEG as a data URI, and the size to show it at; empty when there is no picture.

    `side` in pixels is the most of its width; `limit` the most bytes of the JPEG, by the side when
    it is not given.
    """
    from PIL import Image, UnidentifiedImageError

    limit = limit or (_POSTER_BYTES if side > 400 else _POSTER_BYTES // 2)
    try:
        if kind == "video":
            from kling_core.media.frames import poster

            data = poster(path, width=side, max_bytes=limit)
        else:
            with Image.open(path) as picture:
                data = _thumbnail(picture, side, limit)
        with Image.open(io.BytesIO(data)) as still:
            width, height = _fitted(still.size, side)
    except (OSError, ValueError, UnidentifiedImageError):  # a poster less fails nothing
        return "", 0, 0
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", width, height


def _thumbnail(picture: Picture, side: int, limit: int) -> bytes:
    picture.thumbnail((side, side))
    flat = picture.convert("RGB")
    while True:
        for quality in (75, 60, 45, 30):
            buffer = io.BytesIO()
            flat.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
            if buffer.tell() <= limit or (quality == 30 and flat.width < 64):
                return buffer.getvalue()
        flat = flat.resize((flat.width * 3 // 4, max(flat.height * 3 // 4, 1)))


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size at which a still of this shape is shown: within `side` by three quarters of it."""
    width, height = size
    scale = min(side / width, side * 0.75 / height)
    return round(width * scale), round(height * scale)
