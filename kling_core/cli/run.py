"""`kling run`: check, quote, submit, wait, download."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_core.cli import arguments, console, results
from kling_core.cli.following import follow
from kling_core.errors import BudgetExceeded

if TYPE_CHECKING:
    from kling_core.catalog.pricing import Quote
    from kling_core.endpoints.base import Endpoint, Request
    from kling_core.task import Task


@dataclass(frozen=True, slots=True)
class _Wishes:
    """The options of the command itself."""

    out: Path | None
    wait: bool
    json: bool
    timeout: float | None
    max_cost: Decimal | None
    sandbox: bool


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling run --help`."""
    if argv[:1] in (["-h"], ["--help"]):
        raise arguments.HelpShown(console.endpoint_list("run", "[options] PROMPT"))
    endpoint, rest = console.take_endpoint("run", argv, _own_options)
    prog = f"kling run {endpoint.command}"
    parser = arguments.build(endpoint, prog=prog, extra=_own_options)
    namespace = arguments.parse(parser, rest)
    request = endpoint.request(**arguments.fields(endpoint, namespace))
    wishes = _Wishes(
        out=namespace.out,
        wait=namespace.wait,
        json=namespace.json,
        timeout=namespace.timeout,
        max_cost=namespace.max_cost,
        sandbox=sandbox or namespace.sandbox,
    )
    if namespace.dry_run:
        return _dry_run(endpoint, request, wishes)
    return _make(endpoint, request, wishes)


def _own_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-o", "--out", type=Path, metavar="DIR", help="where the files go [default kling_outputs]")
    add("--no-wait", dest="wait", action="store_false", help="print the task id and end at once")
    add("--timeout", type=results.seconds, metavar="S", help="stop waiting after S seconds")
    add("--max-cost", type=results.dollars, metavar="USD", help="refuse anything dearer")
    add("--dry-run", action="store_true", help="check and show the body and cost; send nothing")
    add("--json", action="store_true", help="print the task as JSON")
    add("--sandbox", action="store_true", help="use the embedded sandbox: no key, no cost")


def _dry_run(endpoint: Endpoint, request: Request, wishes: _Wishes) -> int:
    from kling_core.wire import v1
    from kling_core.wire.body import JSONBody

    check = request.require()
    quote = request.quote()
    named = check.fields.get("external_task_id")
    body = JSONBody(v1.encode(endpoint, check, external_task_id=named)).preview()
    for warning in check.warnings:
        console.say(f"warning: {warning}")
    if wishes.json:
        shown = {
            "endpoint": endpoint.name,
            "path": endpoint.path,
            "body": body,
            "quote": results.quoted(quote),
            "warnings": list(check.warnings),
        }
        console.show_json(shown)
    else:
        console.show_json(body)
        console.say(f"POST {endpoint.path}")
        console.say(f"cost: {results.cost_line(quote)}")
    _within(quote, wishes.max_cost)
    if endpoint.external_task_id and named is None:
        console.say("an external_task_id of its own is added when it is sent")
    console.say("dry run: the request is good; nothing was sent")
    return 0


def _within(quote: Quote | None, limit: Decimal | None) -> None:
    if limit is None:
        return
    if quote is None or quote.usd is None:
        raise BudgetExceeded("no price is known for this request, and --max-cost is set")
    if quote.usd > limit:
        raise BudgetExceeded(f"this would cost {quote}, above --max-cost {limit}")


def _make(endpoint: Endpoint, request: Request, wishes: _Wishes) -> int:
    request.require()
    with console.open_client(sandbox=wishes.sandbox) as kling:
        embedded = kling.sandbox is not None
        folder = wishes.out if wishes.out is not None else kling.session.output_dir
        wait = wishes.wait or embedded
        if wait:
            results.must_be_writable(folder)
        if embedded and not wishes.wait:
            console.say("--no-wait is left aside: the task would end with this command")
        free = ", for real keys; the sandbox is free" if embedded else ""
        console.say(f"{_what(request)}: {results.cost_line(request.quote())}{free}")
        start = time.monotonic()
        task = kling.submit(request, max_cost=wishes.max_cost)
        if not wait:
            _submitted(endpoint, task, wishes)
            return 0
        follow(task, wishes.timeout, embedded=embedded)
        paths = results.save(task, folder)
        results.show(task, paths, as_json=wishes.json)
        console.say(results.ending(task, time.monotonic() - start))
    return 0


def _submitted(endpoint: Endpoint, task: Task, wishes: _Wishes) -> None:
    if wishes.json:
        console.show_json(results.described(task))
    else:
        print(task.task_id)
    console.say(f"submitted; collect it with: kling get {endpoint.command} {task.task_id} --wait")


def _what(request: Request) -> str:
    """The request in a few words: text-to-video, kling-v2-5-turbo, std, 5 s."""
    fields: Any = request.check().fields
    words = [request.endpoint.command]
    words += [str(fields[name]) for name in ("model_name", "mode") if fields.get(name)]
    if fields.get("duration"):
        words.append(f"{fields['duration']} s")
    return ", ".join(words)
