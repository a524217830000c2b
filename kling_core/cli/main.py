"""The console script `kling`.

Exit codes: 0 done; 1 refused by us or by Kling, nothing was made; 2 the command line cannot be
understood; 3 a task exists or may exist and is not in your hands yet, so look before you run the
command again; 4 the task failed; 130 interrupted; 141 nobody reads what it prints. After a request
has gone out, nothing ends as 1: not a full disk, a character that stdout cannot take, a fault of
ours.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kling_core import streams
from kling_core.commands.base import COMMANDS, find
from kling_core.wire import interrupts

if TYPE_CHECKING:
    from kling_core.commands.arguments import UsageProblem


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; `argv` is that of the process when left out. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    streams.settle()
    try:
        with interrupts.unlost():
            code = _dispatch(words)
        _flush()
        return code
    except KeyboardInterrupt as stop:
        return _interrupted(stop)
    except BrokenPipeError:
        _let_go()  # whoever read it has gone
        return 141
    except Exception as error:  # noqa: BLE001 - the last line of defence of a console script
        return _report(error)


def _flush() -> None:
    """Write out what stdout holds back, so that a full disk is told of and not lost at exit."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _let_go() -> None:
    """Drop stdout with what it still holds; spares the interpreter's complaint at exit."""
    sys.stdout = streams.nowhere()


def _dispatch(words: list[str]) -> int:
    sandbox = False
    while words and words[0] == "--sandbox":
        sandbox = True
        words = words[1:]
    if not words or words[0] in ("-h", "--help") or words == ["help"]:
        print(_overview(), end="")
        return 0
    if words[0] in ("-V", "--version"):
        from kling_core.version import VERSION

        print(f"kling-suite {VERSION}")
        return 0
    name, *rest = words
    if name == "help":
        name, rest = rest[0], ["--help"]
    command = find(name)
    if command is None:
        raise _unknown(name)
    with _plain_warnings():
        return command.run(rest, sandbox=sandbox)


def _unknown(name: str) -> UsageProblem:
    from kling_core.commands.arguments import UsageProblem, nearest
    from kling_core.declare import registry

    if name.startswith("-"):
        return UsageProblem(f"unknown option {name}", fix="See kling --help.")
    endpoints = {e.command for e in registry.endpoints()}
    endpoints |= {a for e in registry.endpoints() for a in e.aliases}
    if name.replace("_", "-") in endpoints:
        fix = f"Try kling run {name} --help."
        return UsageProblem(f"{name} is an endpoint, not a command", fix=fix)
    known = [command.name for command in COMMANDS]
    near = nearest(name, known)
    if near:
        return UsageProblem(f"there is no command {name!r}; did you mean {near}?")
    return UsageProblem(f"there is no command {name!r}", fix=f"The commands: {', '.join(known)}.")


def _overview() -> str:
    rows = [(f"{c.name} {c.usage}".strip(), c.summary) for c in COMMANDS]
    width = max(len(left) for left, _ in rows)
    table = "\n".join(f"  {left:{width}}  {right}" for left, right in rows)
    return f"""usage: kling [--sandbox] COMMAND [options]

Kling AI video and image generation.

commands:
{table}

options:
  --sandbox   use the embedded sandbox: no key, no cost, nothing leaves this machine
  --version   print the version
  --help      this text; kling COMMAND --help, kling run ENDPOINT --help say more

key: KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY; kling doctor tests it.
try: kling --sandbox run text-to-video "a paper boat in the rain"
"""


def _report(error: Exception) -> int:
    """Say what went wrong; help is no error and goes to stdout."""
    from kling_core.cli.console import debugging, say
    from kling_core.cli.exit_codes import exit_code, lines
    from kling_core.commands.arguments import HelpShown

    if isinstance(error, HelpShown):
        print(error.text.rstrip())
        _flush()
        return 0
    if debugging():
        import traceback

        say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, OSError):
        _let_go()  # it may be stdout's own, which would be raised again at exit
    first, *more = lines(error)
    say("\n".join([f"error: {first}", *more]))
    return exit_code(error)


def _interrupted(stop: KeyboardInterrupt) -> int:
    from kling_core.advice import Text
    from kling_core.cli.console import say

    told = getattr(stop, "__notes__", None) or ["Interrupted."]
    say(Text("\n", told[0]))
    return 130


@contextmanager
def _plain_warnings() -> Generator[None]:
    """Show each of our warnings once, as one line; those of other packages when debugging."""
    import warnings

    from kling_core.cli.console import debugging, say
    from kling_core.errors import KlingWarning

    shown: set[str] = set()
    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, KlingWarning):
            if debugging():
                usual(message, category, *where, **more)
        elif str(message) not in shown:
            shown.add(str(message))
            say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", KlingWarning)
        warnings.showwarning = show
        yield


if __name__ == "__main__":
    sys.exit(main())
