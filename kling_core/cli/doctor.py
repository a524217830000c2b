"""`kling doctor`: settings, output folder, clock, key and packs, at no cost."""

from __future__ import annotations

from contextlib import ExitStack

from kling_core.cli import console
from kling_core.commands import arguments, doctor


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling doctor --help`. Exit code 1 when something is wrong."""
    parser = arguments.Parser(
        prog="kling doctor",
        usage="kling doctor [options]",
        description="Test settings, output folder, clock, key and packs. Costs nothing; secrets "
        "are never shown.",
    )
    parser.add_argument("--sandbox", action="store_true", help="test the embedded sandbox")
    namespace = arguments.parse(parser, argv)
    wanted = sandbox or namespace.sandbox
    with ExitStack() as stack:
        symptoms = doctor.examine(lambda: stack.enter_context(console.open_client(sandbox=wanted)))
        return 0 if doctor.report(symptoms, console.show) else 1
