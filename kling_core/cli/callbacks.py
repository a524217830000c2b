"""`kling callbacks`: receive Kling's callbacks, so that whoever waits asks at once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING

from kling_core.callbacks.listen import must_be_free
from kling_core.cli import console, ledgers
from kling_core.cli.sandbox import port
from kling_core.commands import arguments
from kling_core.errors import ConfigError, KlingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn import Server

    from kling_core.callbacks import CallbackReceiver
    from kling_core.callbacks.verify import Callback

VARIABLE = "KLING_WEBHOOK_SECRET"
"""The environment's place for secrets, apart by spaces; the command line shows in `ps`."""


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling callbacks --help`."""
    namespace = arguments.parse(_parser(), argv)
    secrets = namespace.secret or os.environ.get(VARIABLE, "").split()
    if not secrets and not namespace.unsigned:
        raise arguments.UsageProblem(
            "kling callbacks needs the console's webhook secret",
            fix=f"Set {VARIABLE} or give --secret whsec_…; --unsigned does without.",
        )
    with ledgers.open_client("callbacks", sandbox=sandbox or namespace.sandbox) as kling:
        from kling_core.callbacks import CallbackReceiver

        kling.session.ledger()  # a ledger that cannot be opened is said now, not at a callback
        receiver = CallbackReceiver(
            kling.session.ledger, secrets, unsigned=namespace.unsigned, listener=_told
        )
        _serve(receiver, namespace.host, namespace.port)
    return 0


def _serve(receiver: CallbackReceiver, host: str, number: int) -> None:
    """Serve until SIGINT or SIGTERM. Raises `ConfigError` when the port is taken."""
    from uvicorn import Config, Server

    from kling_core.callbacks.slow_senders import Impatient

    try:
        must_be_free(host, number)
        listener = socket.create_server((host, number), backlog=128)
    except OSError as error:
        raise ConfigError(
            f"callbacks cannot be received: {error.strerror or error}",
            fix="Choose another with --port; without it, a free one is taken.",
        ) from error
    place = listener.getsockname()[1]
    config = Config(
        receiver,
        http=Impatient,
        log_level="error",
        access_log=False,
        limit_concurrency=200,
        timeout_graceful_shutdown=2,
    )

    def tell() -> None:
        print(f"http://{host}:{place}/", flush=True)
        console.say("callbacks wake whoever waits for the task; Ctrl-C ends it. Tell Kling the")
        console.say("address under which it reaches this one: KLING_CALLBACK_URL=https://…")

    with listener:
        _until_signalled(Server(config), listener, tell)
    console.say("stopped")


def _until_signalled(server: Server, listener: socket.socket, tell: Callable[[], None]) -> None:
    """Tell where it is, and serve; a signal before uvicorn listens for it ends it, too."""

    def ended(_number: int, _frame: object) -> None:
        server.should_exit = (
            True  # uvicorn, which has stopped by the signal, passes it on: no error
        )

    before = {kind: signal.signal(kind, ended) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        tell()
        asyncio.run(server.serve([listener]))
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _told(news: Callback | KlingError) -> None:
    if isinstance(news, KlingError):
        console.say(f"refused: {news}")
    else:
        console.say(f"task {news.task_id}: {news.status}")


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling callbacks",
        usage="kling callbacks [options]",
        description="Receive Kling's callbacks over HTTP, and wake the processes of this ledger "
        "that wait.\nA callback only makes them ask: its signature is verified, its content never "
        "believed.",
    )
    add = parser.add_argument
    add("--port", type=port, default=0, metavar="P", help="port [default: a free one]")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="listen here [default 127.0.0.1]")
    add(
        "--secret",
        action="append",
        metavar="whsec_…",
        help=f"webhook secret; twice while rotating [default {VARIABLE}]",
    )
    add("--unsigned", action="store_true", help="also take callbacks without a signature")
    ledgers.hidden_sandbox(parser)
    return parser
