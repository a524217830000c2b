"""`kling show`: everything that the ledger knows of one task."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kling_core.cli import arguments, console, ledgers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from kling_core.client import Kling
    from kling_core.ledger.rows import Kept, Row

_WIDTH = 12


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling show --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if len(words) != 1:
        raise arguments.UsageProblem(
            f"kling show takes one task id; you gave {len(words)}", fix="See kling tasks."
        )
    with ledgers.open_client("show", sandbox=sandbox or namespace.sandbox) as kling:
        row = ledgers.find(kling, words[0])
        kept = kling.session.ledger().kept(row.id)
        if namespace.json:
            console.show_json(_as_json(row, kept))
        else:
            _show(kling, row, kept)
    return 0


def _show(kling: Kling, row: Row, kept: Sequence[Kept]) -> None:
    print(f"{ledgers.short(row)}: {row.state}" + (f", {row.error}" if row.error else ""))
    for name, value in _facts(row):
        print(f"  {name:{_WIDTH}} {value}")
    fields = dict(row.request.get("sent") or {})
    if fields:
        print(f"  {'request':{_WIDTH}} {json.dumps(fields, ensure_ascii=False)}")
    for name, digest in row.media.items():
        print(f"  {'media':{_WIDTH}} {name}: sha256 {digest}")
    for output in kept:
        _show_output(kling, row, output)
    lineage = str(kling.tasks.get(row.id).tree())
    if "\n" in lineage:
        print(f"  {'family':{_WIDTH}}")
        print("\n".join(f"    {line}" for line in lineage.splitlines()))


def _facts(row: Row) -> list[tuple[str, str]]:
    facts = [
        ("id", row.id),
        ("Kling's id", row.task_id or "-"),
        ("endpoint", row.endpoint.replace("_", "-")),
        ("model", row.model_name or "-"),
        ("project", row.project),
        ("made", _time(row.created_at)),
        ("sent", f"{_time(row.sent_at)}{_tries(row)}" if row.sent_at else "not yet"),
        ("ended", _time(row.finished_at) + _took(row)),
        ("cost", _cost(row)),
    ]
    return [(name, value) for name, value in facts if value]


def _tries(row: Row) -> str:
    return f", {row.tries} times" if row.tries > 1 else ""


def _took(row: Row) -> str:
    if row.finished_at is None or row.sent_at is None:
        return ""
    return f", after {console.clock(row.finished_at - row.sent_at)}"


def _cost(row: Row) -> str:
    quoted = _amount(row.quote_units, row.quote_usd) or "no price known"
    actual = _amount(row.cost_units, row.cost_usd)
    if not actual:
        return f"quoted {quoted}; Kling has not said yet"
    if row.quote_units is None or row.cost_units is None:
        return f"{actual}; quoted: {quoted}"
    if row.cost_units == row.quote_units:
        return f"{actual}, as quoted"
    return f"{actual}, quoted {quoted}: {row.cost_units - row.quote_units:+f} units"


def _amount(units: Decimal | None, usd: Decimal | None) -> str:
    if units is None:
        return ledgers.money(usd) if usd is not None else ""
    worth = f" ({ledgers.money(usd)})" if usd is not None else ""
    return f"{units.normalize():f} units{worth}"


def _show_output(kling: Kling, row: Row, output: Kept) -> None:
    named = f" {output.output_id}" if output.output_id else ""
    print(f"  {'output ' + str(output.number + 1):{_WIDTH}} {output.kind}{named}")
    if ledgers.on_disk(output):
        print(f"  {'':{_WIDTH}} {output.path} ({output.size:,} bytes)")
        print(f"  {'':{_WIDTH}} sha256 {output.sha256}")
    else:
        was = f"was at {output.path}, " if output.path else ""
        left = ledgers.keeping(kling, row, [output])
        print(f"  {'':{_WIDTH}} {was}not on disk, {left}: kling wait {ledgers.short(row)}")
    if output.audit:
        print(f"  {'':{_WIDTH}} not what was asked for: {output.audit}")


def _time(seconds: float | None) -> str:
    return "" if seconds is None else console.local(datetime.fromtimestamp(seconds, UTC))


def _as_json(row: Row, kept: Sequence[Kept]) -> dict[str, Any]:
    return {
        **ledgers.described(row),
        "external_task_id": row.external_task_id,
        "parent_output_id": row.parent_output_id,
        "tries": row.tries,
        "request": row.request,
        "media": row.media,
        "answer": row.raw,
        "outputs": [
            {
                "number": output.number,
                "kind": output.kind,
                "id": output.output_id or None,
                "url": output.url,
                "path": output.path,
                "on_disk": ledgers.on_disk(output),
                "sha256": output.sha256,
                "size": output.size,
                "differences": output.audit.split("; ") if output.audit else [],
                "saved_at": ledgers.moment(output.saved_at),
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
