"""`kling show`: everything that the ledger knows of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_core.advice import said
from kling_core.cli import console, ledgers
from kling_core.commands import arguments, as_json, show
from kling_core.commands import readable as words
from kling_core.commands.find import find
from kling_core.commands.tasks import on_disk
from kling_core.ledger.redact import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kling_core.ledger.records import Kept, Row

_WIDTH = 12


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling show --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if len(words) != 1:
        raise arguments.UsageProblem(
            f"kling show takes one task id; you gave {len(words)}", fix="See kling tasks."
        )
    with ledgers.open_client("show", sandbox=sandbox or namespace.sandbox) as kling:
        row = find(kling, words[0])
        kept = kling.session.ledger().kept(row.id)
        if namespace.json:
            console.show_json(_as_json(row, kept))
        else:
            _show(show.about(kling, row, kept))
    return 0


def _show(known: show.Facts) -> None:
    console.show(known.heading)
    for name, value in known.values:
        first, *more = said(value, "shell").splitlines()
        console.show(f"  {name:{_WIDTH}} {first}")
        for line in more:
            console.show(f"  {'':{_WIDTH}} {line}")
    if known.family:
        console.show(f"  {'family':{_WIDTH}}")
        console.show("\n".join(f"    {line}" for line in known.family))


def _as_json(row: Row, kept: Sequence[Kept]) -> dict[str, Any]:
    return {
        **as_json.recorded(row),
        "external_task_id": row.external_task_id,
        "parent_output_id": row.parent_output_id,
        "edition": row.edition,
        "route": row.route,
        "tries": row.tries,
        "request": without_secrets(row.request),
        "media": row.media,
        "answer": row.raw,
        "outputs": [
            {
                "number": output.number,
                "kind": output.kind,
                "id": output.output_id or None,
                "url": output.url,
                "path": output.path,
                "on_disk": on_disk(output),
                "sha256": output.sha256,
                "size": output.size,
                "differences": output.audit.split("; ") if output.audit else [],
                "saved_at": words.moment(output.saved_at),
                "data": output.data,
            }
            for output in kept
        ],
    }


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling show",
        usage="kling show ID [options]",
        description="Everything the ledger knows of a task: request, states, cost against quote, "
        "outputs, family.\nAn id is ours or Kling's, or a beginning or end of one.",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    ledgers.hidden_sandbox(parser)
    return parser
