"""How many modules a create enters on its way to the wire, and how often it comes back to one.

`python benchmarks/rooms.py` prints both for the blocking client and for the tool of an agent. A
room is a module of ours whose function is called between the call of `submit` (or of the tool) and
the moment at which the transport has the POST in hand; a return is a call into one that was left.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from kling_core import Kling, Sandbox

OURS = ("kling_core", "kling_mcp")
FIELDS = {"prompt": "a paper boat"}


class Walk(NamedTuple):
    """The modules that were entered, in the order of their first call, and the returns to any."""

    rooms: list[str]
    returns: int


class Watcher:
    """Notes which modules are called, in all threads, until the POST is in the transport's hand."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.over = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        name = str(frame.f_globals.get("__name__", ""))
        if self.over or event != "call" or not name.startswith(OURS) or ".sandbox" in name:
            return
        if not self.calls or self.calls[-1] != name:
            self.calls.append(name)
        sending = frame.f_locals.get("effect")
        if name == "kling_core.wire.transport" and getattr(sending, "method", "") == "POST":
            self.over = True

    def walk(self) -> Walk:
        """What was seen."""
        rooms = list(dict.fromkeys(self.calls))
        return Walk(rooms, len(self.calls) - len(rooms))


def of_client(sandbox: Sandbox, home: Path) -> Walk:
    """A create by the blocking client, which has made one before."""
    with Kling(sandbox=sandbox, home=home) as kling:
        kling.submit(kling.text_to_video.request(**FIELDS)).wait()
        request, watcher = kling.text_to_video.request(**FIELDS), Watcher()
        sys.setprofile(watcher)
        try:
            kling.submit(request)
        finally:
            sys.setprofile(None)
    return watcher.walk()


async def of_tool(sandbox: Sandbox, home: Path) -> Walk:
    """A create by the tool of an agent, which has made one before."""
    from mcp import Client

    from kling_mcp.server import build
    from kling_mcp.settings import Settings

    settings = Settings(client={"sandbox": sandbox, "home": home}, confirm_over=None)
    watcher = Watcher()
    async with Client(build(settings)) as agent:
        await agent.call_tool("kling_text_to_video", {**FIELDS, "wait_seconds": 30})
        threading.setprofile_all_threads(watcher) if sys.version_info >= (3, 12) else None
        sys.setprofile(watcher)
        try:
            await agent.call_tool("kling_text_to_video", {**FIELDS, "take": 2, "wait_seconds": 30})
        finally:
            sys.setprofile(None)
    return watcher.walk()


def main() -> None:
    """Print both walks."""
    with Sandbox(quality="test", speed=5000) as sandbox, tempfile.TemporaryDirectory() as home:
        walks = {
            "Kling.submit": of_client(sandbox, Path(home) / "a"),
            "kling_text_to_video": asyncio.run(of_tool(sandbox, Path(home) / "b")),
        }
    for name, walk in walks.items():
        print(f"{name}: {len(walk.rooms)} modules, {walk.returns} returns")
        print("   ", ", ".join(room.removeprefix("kling_") for room in walk.rooms))


if __name__ == "__main__":
    main()
