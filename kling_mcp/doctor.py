"""`kling-mcp doctor`: the checks of `kling doctor`, and those of the server's own settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from kling_core.cli.doctor import Doctor
from kling_core.errors import ConfigError
from kling_mcp.accounts import output_folder
from kling_mcp.http import Listening
from kling_mcp.settings import Settings, variable

__all__ = ["run"]


def run(argv: Sequence[str], left: Sequence[str] = ()) -> int:
    """The command; `left` are settings that the host did not fill in. 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="kling-mcp doctor",
        description="Test settings, folders, clock, key and packs. Costs nothing; secrets are "
        "never shown.",
    )
    parser.add_argument("--sandbox", action="store_true", help="test the embedded sandbox")
    chosen = parser.parse_args(argv)
    doctor = _Doctor(sandbox=chosen.sandbox)
    for name in left:
        doctor.wrong("host", f"{name} still holds a placeholder: fill it in where the client asks")
    _server(doctor)
    return doctor.visit()


class _Doctor(Doctor):
    """Looks at the folder that the server uses."""

    def folder(self, place: Path) -> None:
        """Whether downloads can be written."""
        super().folder(output_folder(place, sandbox=self.sandbox))


def _server(doctor: Doctor) -> None:
    """What an agent may do, and who may call over HTTP."""
    try:
        settings = Settings.from_environment()
        listening = Listening.from_environment()
    except ConfigError as error:
        doctor.wrong("server", str(error))
        return
    doctor.fine("tools", ", ".join(settings.toolsets))
    over = settings.confirm_over
    doctor.fine("confirm", "never asked for" if over is None else f"from ${over} a call")
    if not os.environ.get("KLING_BUDGET", "").strip():
        doctor.note("budget", "an agent may spend without a limit a day: set KLING_BUDGET")
    for folder in settings.allowed_dirs:
        if folder.is_dir():
            doctor.fine("media", f"may be read from {folder}")
        else:
            doctor.wrong("media", f"{folder} is no folder; correct KLING_ALLOWED_DIRS")
    if listening.way is not None:
        doctor.fine("http", f"callers are told apart by {listening.way!r}")
    elif variable("KLING_MCP_ALLOWED_HOSTS"):
        doctor.fine("http", "this machine only")
