"""`kling-mcp doctor`: the checks of `kling doctor`, and those of the server's own settings."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from kling_core.commands import doctor
from kling_core.commands.doctor import Symptom
from kling_core.errors import ConfigError
from kling_core.text import safe
from kling_mcp.clients import output_folder
from kling_mcp.http.app import Listening
from kling_mcp.settings import Settings, variable

if TYPE_CHECKING:
    from kling_core.client import Kling

__all__ = ["run"]


def run(argv: Sequence[str], left: Sequence[str] = ()) -> int:
    """The command; `left` are settings that the host did not fill in. 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="kling-mcp doctor",
        description="Test settings, folders, clock, key and packs. Costs nothing; secrets are "
        "never shown.",
    )
    parser.add_argument("--sandbox", action="store_true", help="test the embedded sandbox")
    sandbox = parser.parse_args(argv).sandbox

    with ExitStack() as stack:

        def opened() -> Kling:
            from kling_core.client import Kling

            kling = stack.enter_context(Kling(sandbox=True if sandbox else None))
            if kling.sandbox is not None:
                sys.stderr.write("sandbox: embedded in this command; no key, no cost\n")
            return kling

        everything = doctor.examine(opened, partial(output_folder, sandbox=sandbox))
        symptoms = chain(_placeholders(left), _server(), everything)
        return 0 if doctor.report(symptoms, lambda line: sys.stdout.write(f"{safe(line)}\n")) else 1


def _placeholders(left: Sequence[str]) -> Iterator[Symptom]:
    for name in left:
        text = f"{name} still holds a placeholder: fill it in where the client asks"
        yield doctor.wrong("host", text)


def _server() -> Iterator[Symptom]:
    """What an agent may do, and who may call over HTTP."""
    try:
        settings = Settings.from_environment()
        listening = Listening.from_environment()
    except ConfigError as error:
        yield doctor.wrong("server", str(error))
        return
    yield doctor.fine("tools", ", ".join(settings.toolsets))
    over, total = settings.confirm_over, settings.confirm_total
    asked = f"from ${over} a call" + (f", and after ${total} a day" if total is not None else "")
    yield doctor.fine("confirm", "never asked for" if over is None else asked)
    if not os.environ.get("KLING_BUDGET", "").strip():
        text = "an agent may spend without a limit a day: set KLING_BUDGET"
        yield doctor.note("budget", text)
    for folder in settings.allowed_dirs:
        if folder.is_dir():
            yield doctor.fine("media", f"may be read from {folder}")
        else:
            yield doctor.wrong("media", f"{folder} is no folder; correct KLING_ALLOWED_DIRS")
    if listening.way is not None:
        yield doctor.fine("http", f"callers are told apart by {listening.way!r}")
    elif variable("KLING_MCP_ALLOWED_HOSTS"):
        yield doctor.fine("http", "this machine only")
