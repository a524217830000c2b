"""`kling run`: check, quote, submit, wait, download."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kling_core.cli import console, results
from kling_core.cli.exit_codes import Progress, collect
from kling_core.cli.progress import follow
from kling_core.commands import arguments, as_json, given_text
from kling_core.commands.option_types import OUT, dollars, seconds
from kling_core.flows.sources import sourced

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.declare.endpoint import Request
    from kling_core.flows.line import Waiting
    from kling_core.flows.preview import Preview
    from kling_core.task import Task


_INTERRUPTED = (
    "Interrupted while submitting. What was sent is in the ledger: kling resume finds it and "
    "collects it; nothing is sent twice."
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command itself."""

    out: Path | None
    wait: bool
    json: bool
    timeout: float | None
    max_cost: Decimal | None
    budget: Decimal | None
    project: str | None
    dry_run: bool
    sandbox: bool

    @classmethod
    def of(cls, namespace: argparse.Namespace, *, sandbox: bool) -> Wishes:
        """The wishes among parsed options, see `own_options`."""
        known: dict[str, Any] = {
            field.name: getattr(namespace, field.name) for field in dataclass_fields(cls)
        }
        known["sandbox"] = sandbox or namespace.sandbox
        return cls(**known)


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling run --help`."""
    if argv[:1] in (["-h"], ["--help"]):
        raise arguments.HelpShown(console.endpoint_list("run", "[options] PROMPT"))
    endpoint, rest = console.take_endpoint("run", argv, own_options)
    prog = f"kling run {endpoint.command}"
    parser = arguments.build(endpoint, prog=prog, extra=own_options)
    parser.epilog = f"{parser.epilog}\n\n{given_text.EXPLAINED}"
    namespace = arguments.parse(parser, rest)
    request = given_text.request_of(endpoint, namespace, console.say)
    return carry_out(request, Wishes.of(namespace, sandbox=sandbox))


def carry_out(request: Request, wishes: Wishes) -> int:
    """Make what a request describes, or only show it; returns the exit code."""
    return _dry_run(request, wishes) if wishes.dry_run else _make(request, wishes)


def own_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of everything that makes something."""
    add = parser.add_argument
    add("-o", "--out", type=Path, metavar="DIR", help=OUT)
    add("--no-wait", dest="wait", action="store_false", help="print the task id and end at once")
    add("--timeout", type=seconds, metavar="S", help="stop waiting after S seconds")
    add("--max-cost", type=dollars, metavar="USD", help="refuse anything dearer")
    add("--budget", type=dollars, metavar="USD", help="refuse what passes it for today")
    add("--project", metavar="NAME", help="what it belongs to: folder, budget and costs")
    add("--dry-run", action="store_true", help="check and show the body and cost; send nothing")
    add("--json", action="store_true", help="print the task as JSON")
    add("--sandbox", action="store_true", help="use the embedded sandbox: no key, no cost")


def _dry_run(request: Request, wishes: Wishes) -> int:
    shown = _previewed(request, wishes)
    for warning in shown.warnings:
        console.say(f"warning: {warning}")
    if wishes.json:
        facts = {
            "endpoint": request.endpoint.name,
            "path": shown.path,
            "body": shown.body,
            "quote": as_json.quoted(shown.quote),
            "warnings": list(shown.warnings),
        }
        console.show_json(facts)
    else:
        console.show_json(shown.body)
        console.say(f"POST {shown.path}")
        console.say(f"cost: {results.cost_line(shown.quote)}")
    if shown.refusal is not None:
        raise shown.refusal
    if shown.adds_own_id:
        console.say("an external_task_id of its own is added when it is sent")
    console.say("dry run: the request is good; nothing was sent")
    return 0


def _previewed(request: Request, wishes: Wishes) -> Preview:
    """What the create would say here; who has no key yet is told what it would say with one."""
    from kling_core import config
    from kling_core.client import Kling
    from kling_core.errors import ConfigError

    given: dict[str, Any] = {"project": wishes.project, "budget": wishes.budget}
    try:
        client = console.open_client(sandbox=wishes.sandbox, **given)
    except ConfigError as error:
        if error.message != config.NO_CREDENTIAL:
            raise
        request.require()
        console.say("there is no key yet: the create itself will need one")
        with TemporaryDirectory() as empty:  # no ledger is anybody's without a key
            ledger = Path(empty) / "ledger.db"
            with Kling(api_key=config.GUEST, ledger=ledger, **given) as stand_in:
                return stand_in.preview(request, max_cost=wishes.max_cost)
    with client:
        return client.preview(request, max_cost=wishes.max_cost)


def _make(request: Request, wishes: Wishes) -> int:
    request.require()
    with (
        Progress() as progress,
        console.open_client(
            sandbox=wishes.sandbox, project=wishes.project, budget=wishes.budget
        ) as kling,
    ):
        request = sourced(kling.session, request)
        embedded = kling.sandbox is not None
        wait = wishes.wait or embedded
        if wait:
            folder = kling.session.output_dir / kling.session.settings.project
            results.must_be_writable(wishes.out or folder)
        if embedded and not wishes.wait:
            console.say("--no-wait is left aside: the task would end with this command")
        free = ", for real keys; the sandbox is free" if embedded else ""
        console.say(f"{_what(request)}: {results.cost_line(request.quote())}{free}")
        start = time.monotonic()
        task = _submit(kling, request, wishes, progress)
        if not wait:
            _submitted(task, wishes)
        else:
            follow(task, wishes.timeout, embedded=embedded)
            paths = results.save(task, wishes.out)
            console.say(results.ending(task, time.monotonic() - start))
            results.show(task, paths, as_json=wishes.json)
        console.flush()
    return 0


def _submit(kling: Kling, request: Request, wishes: Wishes, progress: Progress) -> Task:
    """Submit, telling the place in line; Ctrl-C says where the request is found again."""
    try:
        progress.sent = True
        task = kling.submit(request, max_cost=wishes.max_cost, on_update=_InLine())
    except KeyboardInterrupt as stop:
        if kling.sandbox is None:
            stop.__notes__ = [_INTERRUPTED]
        raise
    progress.made = True
    return task


class _InLine:
    """Tells the place in line, when it changes."""

    def __init__(self) -> None:
        self.said = ""

    def __call__(self, news: Waiting) -> None:
        if str(news) != self.said:
            self.said = str(news)
            console.say(self.said)


def _submitted(task: Task, wishes: Wishes) -> None:
    console.say(f"submitted; collect it with: {collect(task.task_id)}")
    if wishes.json:
        console.show_json(as_json.described(task))
    else:
        console.show(task.task_id)


def _what(request: Request) -> str:
    """The request in a few words: text-to-video, kling-v2-5-turbo, std, 5 s."""
    fields: Any = request.check().fields
    words = [request.endpoint.command]
    words += [str(fields[name]) for name in ("model_name", "mode") if fields.get(name)]
    if fields.get("duration"):
        words.append(f"{fields['duration']} s")
    return ", ".join(words)
