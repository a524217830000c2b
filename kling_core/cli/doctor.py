"""`kling doctor`: settings, output folder, clock, key and packs, at no cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from kling_core.advice import said
from kling_core.cli import console
from kling_core.commands import arguments, doctor

_WIDTH = 11


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
        return tell(
            doctor.examine(lambda: stack.enter_context(console.open_client(sandbox=wanted)))
        )


def tell(symptoms: Iterable[doctor.Symptom]) -> int:
    """Print symptoms as they are found, a line each; returns the exit code."""
    healthy = True
    for symptom in symptoms:
        healthy = healthy and symptom.level != "wrong"
        console.show(_line(symptom))
    console.show("all is well" if healthy else "something is wrong, see above")
    return 0 if healthy else 1


def _line(symptom: doctor.Symptom) -> str:
    level = symptom.level.upper() if symptom.level == "wrong" else symptom.level
    return (
        f"{level if symptom.name else '':5} {symptom.name:{_WIDTH}} {said(symptom.text, 'shell')}"
    )
