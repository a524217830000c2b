"""`kling sandbox`: a server on this machine that stands in for Kling."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kling_core.commands import arguments
from kling_core.commands.option_types import count
from kling_core.errors import ConfigError


def run(argv: list[str], *, sandbox: bool) -> int:  # noqa: ARG001 - it is the sandbox
    """The command; see `kling sandbox --help`."""
    chosen = vars(arguments.parse(_parser(), argv))
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    from kling_core.sandbox import serve

    try:
        serve(**given)
    except OSError as error:
        port = given.get("port", 0)
        raise ConfigError(
            f"the sandbox cannot listen on port {port}: {error.strerror or error}",
            fix="Choose another with --port; without it, a free one is taken.",
        ) from error
    return 0


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling sandbox",
        usage="kling sandbox [options]",
        description="Serve a stand-in for Kling's API on 127.0.0.1 until Ctrl-C: real clips, no "
        "cost.\nPrints the lines that point a client at it.",
    )
    add = parser.add_argument
    add("--port", type=port, metavar="P", help="port [default: a free one]")
    add("--speed", type=_speed, metavar="F", help="how many times faster tasks run [default 60]")
    add("--limit", type=count, metavar="N", help="slots for videos [default 5]")
    add("--image-limit", type=count, metavar="N", help="slots for images [default 9]")
    add(
        "--units",
        type=count,
        metavar="N",
        help="units in the video pack [default 1000]",
    )
    add(
        "--image-units",
        type=count,
        metavar="N",
        help="in the image pack [default 10000]",
    )
    add("--access-key", metavar="AK", help="access key to accept [default: a new one]")
    add("--secret-key", metavar="SK", help="secret key to accept [default: a new one]")
    add("--api-key", metavar="KEY", help="API key to accept [default: a new one]")
    how = "retired models: warn or refuse (as Kling does) [default warn]"
    add("--retired", choices=("warn", "refuse"), metavar="HOW", help=how)
    add(
        "--quality",
        choices=("std", "test"),
        metavar="Q",
        help="std, or test for small, quick clips",
    )
    how = "ids of yours: take, or refuse as some models are said to [default take]"
    add("--own-id", choices=("take", "refuse"), metavar="HOW", help=how)
    add("--lag", type=_seconds, metavar="S", help="seconds until a new task is in the lists")
    how = "refuse keys that no contract knows [default: ignore them, as Kling does]"
    add("--strict", action="store_true", default=None, help=how)
    add("--webhook-secret", type=_secret, metavar="whsec_…", help="sign callbacks with it")
    add("--storage", type=Path, metavar="DIR", help="keep the outputs in DIR")
    return parser


def _secret(text: str) -> str:
    from kling_core.callbacks.verify import key_of

    key_of(text)
    return text


def port(text: str) -> int:
    """An option's value: a port, 0 for a free one."""
    number = count(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port, 0 to 65535")
    return number


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a factor above 0")
    return value
