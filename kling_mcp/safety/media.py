"""Which pictures, sounds and videos a call may name: nothing private gets in by them.

https://…                         Kling fetches it itself: a public host, no password in it
kling://tasks/{id}/outputs/{n}    an output of an earlier task
data:…                            the bytes themselves
anything else                     a file in an allowed folder; over HTTP there is none
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.declare import kinds
from kling_core.errors import TaskNotFound, Violation
from kling_core.media import names
from kling_core.media.safe_urls import public

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint
    from kling_core.flows.task_state import Output
    from kling_mcp.tool import Call

__all__ = ["OUTPUT_URI", "Refused", "admit", "inside", "output_of"]

OUTPUT_URI = re.compile(r"kling://tasks/([\w.-]+)/outputs/(\d{1,3})")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]{200,}")
"""The bytes of a medium as text; no path is as long without a dot."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class Refused(ValueError):
    """A medium that the call may not name: why, and what it may name instead."""

    def __init__(self, message: str, valid: str) -> None:
        super().__init__(message)
        self.valid = valid


async def admit(
    call: Call, endpoint: Endpoint, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Violation]]:
    """The arguments with media in the form for the library, and a violation for each refused."""
    params = endpoint.request.params()
    admitted: dict[str, Any] = {}
    violations: list[Violation] = []
    for name, value in given.items():
        field = {name: value}
        made: dict[str, Any] = {}
        refused: list[Violation] = []
        for leaf in kinds.leaves(params, field):
            try:
                made[leaf.place] = await _entry(call, leaf)
            except Refused as refusal:
                refused.append(Violation(leaf.place, str(refusal), refusal.valid))
        violations += refused
        if not refused:
            admitted |= kinds.changed(params, field, partial(_made, made))
    return admitted, violations


def _made(made: Mapping[str, Any], leaf: kinds.Leaf) -> Any:
    return made[leaf.place]


async def _entry(call: Call, leaf: kinds.Leaf) -> Any:
    if not isinstance(leaf.value, str):
        return leaf.value
    match leaf.kind:
        case kinds.Medium(stuff=stuff):
            return await _admitted(call, leaf.value, stuff)
        case kinds.Id(of="video" | "image" | "audio" as kind) if OUTPUT_URI.fullmatch(leaf.value):
            return (await output_of(call, leaf.value, kind)).id
        case _ if leaf.place == "callback_url" and (reason := public(leaf.value)):
            raise Refused(reason, "an https URL that everybody can reach")
        case _:
            return leaf.value


async def _admitted(call: Call, text: str, kind: str) -> Any:
    text = text.strip()
    try:  # hosts hand attachments on as addresses of files
        text = names.of_uri(text) or text
    except ValueError as error:
        raise Refused(str(error), "a path of this computer") from None
    if text.lower().startswith("kling:"):
        return await output_of(call, text, kind)
    if text.lower().startswith("data:"):
        return text
    if _SCHEME.match(text) and not Path(text).drive:  # a drive has a colon too
        origin = re.match(r"https?://[^/?#]+", text)
        if origin and origin[0] == call.account.client.base_url:
            return text  # the sandbox's own media
        if reason := public(text):
            raise Refused(reason, "an https URL that everybody can reach, or kling://tasks/…")
        return text
    if _BASE64.fullmatch(text):
        raise Refused("it is base64 without a type", f"data:{kind}/…;base64, in front of it")
    return await asyncio.to_thread(inside, call, text)


def inside(call: Call, text: str) -> Path:
    """The file that a path means; raises `Refused` unless it lies in an allowed folder.

    Links are followed first, so none leads out. What is outside is refused alike, whether it
    exists or not.
    """
    if not call.settings.local_files:
        raise Refused("this server reads no files of its machine", "an https URL or a data: URI")
    folders = [call.account.client.session.settings.output_dir, *call.settings.allowed_dirs]
    roots = [folder.expanduser().resolve() for folder in folders]
    try:
        path = Path(text).expanduser()
        tries = [path] if path.is_absolute() else [root / path for root in roots]
        found = [place.resolve() for place in tries]
        allowed = [place for place in found if any(place.is_relative_to(root) for root in roots)]
        # A name that only looks the same; what it leads to is judged like what was named.
        twins = [names.existing(place).resolve() for place in allowed]
        allowed = [place for place in twins if any(place.is_relative_to(root) for root in roots)]
        there = [place for place in allowed if place.is_file()]
    except (OSError, ValueError, RuntimeError):
        raise Refused("it is no path", "an https URL or a file") from None
    if there:
        return there[0]
    shown = " or ".join(str(root) for root in roots)
    if len(allowed) < len(found):
        raise Refused(
            "it lies outside the folders that may be read",
            f"a file in {shown}; the owner of this server can add folders with KLING_ALLOWED_DIRS",
        )
    hints = [names.did_you_mean(place) for place in allowed]
    hint = next((hint for hint in hints if hint), "")
    raise Refused(
        f"there is no such file in the folders that may be read{hint}", f"a file in {shown}"
    )


async def output_of(call: Call, uri: str, kind: str) -> Output:
    """The output that a `kling://` address means; of this kind, or `Refused` is raised."""
    match = OUTPUT_URI.fullmatch(uri)
    if match is None:
        raise Refused(f"{uri} is no address of an output", "kling://tasks/{id}/outputs/{n}")
    try:
        task = await call.account.find(match[1])
    except TaskNotFound as error:
        raise Refused(error.message, "the id of a finished task") from error
    outputs = task.outputs
    number = int(match[2])
    if number >= len(outputs):
        made = f"has {len(outputs)} outputs, from 0" if outputs else f"is {task.status}"
        raise Refused(f"task {match[1]} {made}", "an output of a finished task")
    if outputs[number].kind != kind:
        article = "an" if kind[0] in "aeio" else "a"
        raise Refused(
            f"output {number} of task {match[1]} is of the kind {outputs[number].kind}",
            f"{article} {kind}",
        )
    return outputs[number]
