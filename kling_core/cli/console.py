"""What the commands share: lines for people on stderr, results on stdout, tables, the client."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core import streams
from kling_core.advice import said
from kling_core.commands import as_json as as_json_
from kling_core.commands.arguments import Parser, UsageProblem, consumes
from kling_core.text import one_line, safe, safe_json

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from decimal import Decimal

    from kling_core.client import Kling
    from kling_core.commands.table import Table
    from kling_core.declare.endpoint import Endpoint


def say(text: str) -> None:
    """A line for people, on stderr. When nobody can be told, the command goes on all the same."""
    try:
        print(safe(said(text, "shell")), file=sys.stderr, flush=True)
    except (OSError, ValueError):  # full, gone or closed; what is paid for is not stopped by it
        sys.stderr = streams.nowhere()


def show(text: str = "") -> None:
    """A line of a result on stdout, which may be a terminal."""
    print(safe(said(text, "shell")))


def show_path(path: Path) -> None:
    """The path of a file on stdout: as it is for programs, without escapes for a terminal."""
    print(safe(str(path)) if sys.stdout.isatty() else path)


def show_json(value: Any) -> None:
    """A result for programs, on stdout; in ASCII where the stream cannot take other letters."""
    print(as_json(value, ascii_only=not streams.unicode_names(sys.stdout)))


def as_json(value: Any, *, ascii_only: bool = False, indent: int = 2) -> str:
    """A value as JSON; what would be an escape in a terminal is written as one of JSON's."""
    written = json.dumps(value, indent=indent, ensure_ascii=ascii_only, default=as_json_.plain)
    return safe_json(written)


def flush() -> None:
    """Write out what stdout holds back, so that a disk that is full is noticed here."""
    if sys.stdout is not None:
        sys.stdout.flush()


def show_table(shown: Table) -> None:
    """A table on stdout: by rich in a terminal, in aligned plain columns elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table as RichTable

        table = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for title in shown.head:
            table.add_column(title, overflow="fold")
        for row in shown.rows:
            table.add_row(*map(one_line, row))
        Console(markup=False, highlight=False).print(table)
        return
    print("\n".join(shown.lines()))


def open_client(
    *, sandbox: bool, project: str | None = None, budget: Decimal | None = None
) -> Kling:
    """The client of this command; the embedded sandbox when it is asked for."""
    from kling_core.client import Kling

    kling = Kling(sandbox=True if sandbox else None, project=project, budget=budget)
    if kling.sandbox is not None:
        say("sandbox: embedded in this command; no key, no cost, and it ends with the command")
    return kling


def wants_sandbox(*, sandbox: bool) -> bool:
    """Whether the embedded sandbox is asked for, by option or by KLING_SANDBOX."""
    from kling_core import config

    return sandbox or config.wants_sandbox()


def refuse_empty_sandbox(command: str, *, sandbox: bool) -> None:
    """An embedded sandbox begins empty, so there is nothing to look at."""
    if wants_sandbox(sandbox=sandbox):
        raise UsageProblem(
            f"kling {command} finds nothing in an embedded sandbox, which begins empty and ends "
            "with the command",
            fix="Start `kling sandbox` in another shell and set the lines that it prints "
            "(and unset KLING_SANDBOX).",
        )


def take_endpoint(
    command: str, argv: list[str], extra: Callable[[ArgumentParser], None]
) -> tuple[Endpoint, list[str]]:
    """The endpoint, the first word, and the rest; options of the command may stand before it."""
    from kling_core.declare import registry

    front = Parser(prog=f"kling {command}")
    extra(front)
    before: list[str] = []
    rest = list(argv)
    while rest and rest[0].startswith("-"):
        try:
            count = consumes(front, rest[0], rest[1] if len(rest) > 1 else None)
        except UsageProblem as problem:
            raise UsageProblem(
                f"{rest[0]} comes before the endpoint", fix=f"Write kling {command} ENDPOINT first."
            ) from problem
        before, rest = before + rest[:count], rest[count:]
        if not count:
            break
    if not rest:
        names = ", ".join(e.command for e in registry.endpoints())
        raise UsageProblem(
            f"kling {command} needs an endpoint: {names}",
            fix=f"See kling {command} ENDPOINT --help.",
        )
    return registry.get(rest[0]), before + rest[1:]


def endpoint_list(command: str, about: str) -> str:
    """The help of a command that has an endpoint as its first word."""
    from kling_core.declare import registry

    found = registry.endpoints()
    names = [", ".join([e.command, *e.aliases]) for e in found]
    width = max(map(len, names))
    rows = [f"  {name:{width}}  {e.summary}" for name, e in zip(names, found, strict=True)]
    return "\n".join(
        [
            f"usage: kling {command} ENDPOINT {about}",
            "",
            f"endpoints (kling {command} ENDPOINT --help says more):",
            *rows,
        ]
    )


def debugging() -> bool:
    """Whether KLING_DEBUG asks for tracebacks."""
    return os.environ.get("KLING_DEBUG", "").strip() not in ("", "0")
