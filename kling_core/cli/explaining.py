"""`kling explain`: what an error code of Kling means and what to do."""

from __future__ import annotations

import sys

from kling_core.cli import console
from kling_core.commands import arguments

_RETRY = {
    "no": "not without a change",
    "resign": "once, with a fresh token; done for you",
    "backoff": "yes, after a pause; done for you",
    "reads": "reads yes; a create is looked up first; done for you",
}
_BILLED = {"no": "no", "yes": "yes", "unknown": "possibly: look for the task before you repeat it"}


def run(argv: list[str], *, sandbox: bool) -> int:  # noqa: ARG001 - a table needs no server
    """The command; see `kling explain --help`."""
    parser = arguments.Parser(
        prog="kling explain",
        usage="kling explain CODE",
        description="Explain an error code of Kling, such as 1303.",
    )
    _, words = arguments.parse_words(parser, argv)
    if len(words) != 1 or not words[0].isdecimal():
        raise arguments.UsageProblem("kling explain takes one code, such as 1303")
    return _explain(int(words[0]))


def _explain(code: int) -> int:
    from kling_core.wire import error_codes

    row = error_codes.explain(code)
    if row is None:
        near = [known for known in error_codes.TABLE if known // 100 == code // 100]
        near = near or [min(error_codes.TABLE, key=lambda known: abs(known - code))]
        console.say(f"error: there is no code {code}; near it: {', '.join(map(str, near))}")
        return 1
    print(f"{row.code}  HTTP {row.http_status}  {row.error.__name__}")
    print(f"cause:   {row.cause}")
    print(f"fix:     {row.fix}")
    print(f"retry:   {_RETRY[row.retry]}")
    print(f"billed:  {_BILLED[row.billed]}")
    sys.stdout.flush()
    return 0
