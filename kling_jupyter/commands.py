"""The commands of `%kling`: what each word at the beginning of the line does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kling_core.cli.arguments import Parser, UsageProblem, nearest
from kling_core.downloading import must_be_writable
from kling_core.endpoints import registry
from kling_core.endpoints.base import Endpoint, Request
from kling_core.errors import AuthError, ConfigError, ConnectionFailed, KlingError, UnreadableAnswer
from kling_jupyter import figure, grammar, recorded, tables
from kling_jupyter.display import say, show
from kling_jupyter.errors import StoppedWaiting, command_to_get
from kling_jupyter.outputs import adopted
from kling_jupyter.running import Cell, collect, place, stopped, submit, warnings_as_notes

if TYPE_CHECKING:
    from kling_core.task import Task
    from kling_jupyter.studio import Studio

__all__ = ["Line", "run"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was typed after the command's word: the rest, the cell's body, and the variables."""

    rest: str
    cell: str | None
    names: Mapping[str, Any]


def run(studio: Studio, line: str, cell: str | None, names: Mapping[str, Any]) -> Task | None:
    """Do what the line says. Raises `KlingError` of any kind, and `HelpShown`."""
    word, rest = grammar.first_word(line)
    asks = word.endswith("?")
    word = word.rstrip("?")
    if not word or asks:
        return _help(studio, Line(word, None, names)) if asks else _status(studio)
    command = _COMMANDS.get(word.lower())
    if command is not None:
        return command(studio, Line(rest, cell, names))
    return _generate(studio, _endpoint(word), Line(rest, cell, names))


# --- generations ---------------------------------------------------------------------------


def _generate(studio: Studio, endpoint: Endpoint, line: Line) -> Task | None:
    typed = grammar.generation(endpoint, line.rest, line.cell, line.names)
    settings = typed.settings
    cell = Cell(studio.shell, studio.folder, typed.notes)
    kept: list[Task] = []

    def keep(task: Task) -> None:
        kept.append(task)
        studio.keep(task, settings.name)

    with warnings_as_notes(cell.notes), cell:
        request = adopted(endpoint, typed.fields)
        cell.note(request.require().warnings)
        if settings.dry_run:
            return _show_dry_run(studio, request, cell)
        if settings.wait:
            must_be_writable(place(settings.out, cell.folder, studio.output_dir))
        try:
            task = submit(studio.client, request, settings, cell, keep)
            if settings.wait:
                collect(task, settings, studio.output_dir, cell)
            else:
                cell.end(task.status, *figure.summary(task), _get(task))
        except KeyboardInterrupt:
            raise (stopped(kept[0]) if kept else _unsure(endpoint)) from None
    studio.just_shown = task
    return task


def _get_task(studio: Studio, line: Line) -> Task:
    def add(made: Parser) -> None:
        made.add_argument("--name", metavar="VAR", help="variable for the task")
        made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
        made.add_argument("--no-wait", dest="wait", action="store_false", help="look once")
        made.add_argument("--timeout", metavar="SECONDS", help="wait no longer than this")
        made.words, made.usage = "words", "%%kling get [ENDPOINT] TASK [options]"

    typed = grammar.flags(add, "get", line.rest)
    words = str(getattr(typed, "words", "")).split()
    if len(words) not in (1, 2):
        raise UsageProblem("name an endpoint and a task", fix="%kling get text-to-video 8319…")
    settings = grammar.Settings(
        name=typed.name, out=typed.out, wait=typed.wait, timeout=grammar.seconds(typed.timeout)
    )
    endpoint = _endpoint(words[0]) if len(words) == 2 else None
    cell = Cell(studio.shell, studio.folder)
    with warnings_as_notes(cell.notes), cell:
        task = recorded.task(studio.client, endpoint, words[-1])
        studio.keep(task, settings.name)
        if not (settings.wait or task.done):
            task.refresh()
        if settings.wait or task.done:
            must_be_writable(place(settings.out, cell.folder, studio.output_dir))
            collect(task, settings, studio.output_dir, cell)
        else:
            cell.end(task.status, *figure.summary(task), _get(task))
    studio.just_shown = task
    return task


def _quote(studio: Studio, line: Line) -> None:
    word, rest = grammar.first_word(line.rest)
    if not word:
        raise UsageProblem("name an endpoint", fix="%kling quote text-to-video -d 10 a boat")
    endpoint = _endpoint(word)
    typed = grammar.generation(endpoint, rest, line.cell, line.names)
    request = adopted(endpoint, typed.fields)
    warnings = request.require().warnings
    show(studio.shell, figure.of_state(_price(request), [*typed.notes, *warnings]))


def _show_dry_run(studio: Studio, request: Request, cell: Cell) -> None:
    from kling_core.wire import v1
    from kling_core.wire.body import JSONBody

    check = request.require()
    body = JSONBody(v1.encode(request.endpoint, check, external_task_id=None)).preview()
    path = studio.client.session.path(request.endpoint)
    say(f"POST {studio.client.base_url}{path}")
    say(json.dumps(body, indent=2, ensure_ascii=False, default=str))
    cell.end("dry run, nothing was sent", *figure.described(request), *_price(request))


def _price(request: Request) -> list[str]:
    quote = request.quote()
    return [f"{quote}", quote.basis] if quote is not None else ["no price is known for this"]


def _unsure(endpoint: Endpoint) -> StoppedWaiting:
    """What a second interrupt in the middle of a submit raises."""
    return StoppedWaiting(
        "the request may have gone out. When its answer comes, the task is in _kling; do not "
        f"submit again before Kling().{endpoint.name}.list() shows that nothing was made",
        title="Stopped while submitting",
    )


def _get(task: Task) -> str:
    return f"get it with {command_to_get(task.endpoint.name, task.task_id)}"


def _endpoint(word: str) -> Endpoint:
    try:
        return registry.get(word.lower())
    except registry.UnknownEndpoint as error:
        known = [e.command for e in registry.endpoints()]
        known += [alias for e in registry.endpoints() for alias in e.aliases]
        near = nearest(word.lower(), [*_COMMANDS, *known])
        meant = f"; did you mean {near}?" if near else ""
        raise UsageProblem(
            f"there is no command {word!r}{meant}", fix="%kling help lists them all."
        ) from error


# --- connection and help -------------------------------------------------------------------


def _status(studio: Studio) -> None:
    try:
        where = studio.described()
    except ConfigError as error:
        if "there is no Kling credential" not in error.message:
            raise
        say("Not connected: no Kling credential was found.")
        say(_WAYS)
        return
    say(where)
    if studio.last is not None:
        task = studio.last
        say(f"Last task: {task.task_id}, {task.endpoint.command}, {task.status} (in _kling)")
    say(_NEXT)


def _connect(studio: Studio, line: Line) -> None:
    def add(made: Parser) -> None:
        made.add_argument("--sandbox", action="store_true", help="play here, without a key")
        made.add_argument("--region", metavar="REGION", help="global or cn")
        made.add_argument("--max-cost", metavar="USD", help="refuse any call dearer than this")

    typed = grammar.flags(add, "connect", line.rest)
    if typed.sandbox and typed.region:
        raise UsageProblem("the sandbox has no region", fix="Give --sandbox or --region.")
    studio.connect(
        sandbox=True if typed.sandbox else None, region=typed.region, max_cost=typed.max_cost
    )
    say(studio.described())
    if studio.client.sandbox is None:
        for words in _packs(studio):
            say(words)


def _packs(studio: Studio) -> list[str]:
    """What is left of the account's packs; asking is free and shows that the key works."""
    now = datetime.now(UTC)
    try:
        packs = studio.client.account.costs(now - timedelta(days=90), now)
    except (AuthError, ConnectionFailed, UnreadableAnswer):
        raise
    except KlingError as error:
        return [f"The key works; the account's packs cannot be read: {error.message}"]
    return [
        f"{pack.get('resource_pack_name') or 'pack'}: {pack.get('remaining_quantity')} of "
        f"{pack.get('total_quantity')} units left"
        for pack in packs
        if pack.get("status") in (None, "online")
    ] or ["The key works; the account has no pack that is in use."]


def _models(studio: Studio, line: Line) -> None:
    word, _ = grammar.first_word(line.rest)
    chosen = [_endpoint(word)] if word else list(registry.endpoints())
    show(studio.shell, tables.models(chosen))


def _help(studio: Studio, line: Line) -> None:
    word, _ = grammar.first_word(line.rest)
    if not word:
        say(tables.overview())
        return
    if word in _COMMANDS:
        _COMMANDS[word](studio, Line("--help", None, line.names))
        return
    say(grammar.parser(_endpoint(word)).format_help())


_COMMANDS: Mapping[str, Callable[[Any, Line], Any]] = {
    "connect": _connect,
    "get": _get_task,
    "help": _help,
    "models": _models,
    "quote": _quote,
}

_WAYS = """\
  %kling connect --sandbox      plays on this computer: no key, no cost
  %kling connect                after KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY,
                                are set in the environment"""

_NEXT = """\
Type next:
  %kling text-to-video a paper boat in the rain
  %kling quote text-to-video -d 10 a paper boat in the rain
  %kling models text-to-video
  %kling help"""
