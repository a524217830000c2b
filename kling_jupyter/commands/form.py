"""`%kling form …`: a generation as a form to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import Parser, UsageProblem
from kling_jupyter.commands.base import Line, endpoint_of
from kling_jupyter.display import has_pages, say
from kling_jupyter.parsing import grammar, variables
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_jupyter.widgets.form import KlingForm
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the command's options."""
    made.add_argument("--from", dest="origin", metavar="TASK", help="a task to begin from")
    made.add_argument(
        "--name", type=variables.usable, metavar="VAR", help="variable for the job of each press"
    )
    made.add_argument("--out", metavar="PLACE", help="folder or file of the outputs")
    made.add_argument("--max-cost", metavar="USD", help="refuse anything dearer")
    made.words, made.usage = "words", "%%kling form ENDPOINT [options]"


def run(workspace: Workspace, line: Line) -> KlingForm:
    """Show the form; returns it."""
    typed = grammar.flags(options, "form", line.rest)
    words = str(getattr(typed, "words", "") or "").split()
    if len(words) > 1 or not (words or typed.origin):
        raise UsageProblem("name one endpoint", fix="%kling form text-to-video")
    endpoint = endpoint_of(words[0]).name if words else ""
    if not has_pages(workspace.shell):
        name = endpoint.replace("_", "-") or "text-to-video"
        raise UsageProblem(
            "a form needs a notebook, and this is a terminal", fix=f"%kling {name} --help"
        )
    from kling_jupyter.widgets.form import KlingForm

    settings = Settings(name=typed.name, out=typed.out, max_cost=typed.max_cost)
    notes: list[str] = []
    origin = _origin(workspace, typed.origin, line.names, notes) if typed.origin else None
    form = KlingForm(endpoint or _endpoint(origin), workspace, settings=settings)
    if origin is not None:
        form.fill(_moved(form, origin))
    for note in notes:
        say(f"Note: {note}")
    form.show()
    workspace.just_shown = form
    return form


def _endpoint(origin: Request | None) -> str:
    assert origin is not None
    return origin.endpoint.name


def _moved(form: KlingForm, origin: Request) -> Request:
    """The request for the form's endpoint: the fields that both have."""
    params = form.endpoint.request.params()
    kept = {name: value for name, value in origin.given.items() if name in params}
    return form.endpoint.request(**kept).with_parent(origin.parent)


def _origin(workspace: Workspace, text: str, names: Mapping[str, Any], notes: list[str]) -> Request:
    """The request of the task that is named: a variable, or an id that the ledger knows."""
    known: Any = None
    expression = variables.whole(text) or text
    if expression.partition(".")[0].partition("[")[0] in names:
        try:
            known = variables.evaluate(expression, names)
        except variables.Missing as error:
            raise UsageProblem(f"--from {text}: {error}") from None
    known = getattr(known, "task", None) or known  # an output, or a job
    request = getattr(known, "request", None)
    if request is not None:
        return request.replace(external_task_id=None)
    row_id = getattr(known, "row_id", None) or (text if known is None else None)
    row = workspace.client.tasks.ledger.get(row_id) if row_id else None
    if row is None:
        what = "is neither a task" if known is not None else "is no variable"
        raise UsageProblem(
            f"--from {text}: it {what} nor the id of one in the ledger",
            fix="%kling tasks lists them.",
        )
    return recalled(row, notes)


def recalled(row: Any, notes: list[str]) -> Request:
    """The request of a ledger's row; media that cannot be had any more are left out, and noted."""
    from kling_core.declare import registry
    from kling_core.flows.recorded_request import NotReplayable, replay

    fields: Mapping[str, Any] = row.request.get("fields") or {}
    gone: set[str] = {"external_task_id"}
    for name in fields:
        try:
            replay(row, leave_out=set(fields) - {name})
        except NotReplayable as error:
            gone.add(name)
            notes.append(f"{error.message}; choose it again")
    return registry.load(row.endpoint).request(**replay(row, leave_out=gone))
