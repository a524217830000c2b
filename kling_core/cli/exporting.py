"""`kling export`: the whole ledger as CSV or JSON."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, Any, TextIO

from kling_core import setting_values
from kling_core.cli import console, ledgers
from kling_core.commands import arguments, as_json
from kling_core.errors import ConfigError
from kling_core.ledger.redact import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Rows = Sequence[dict[str, Any]]


def run(argv: list[str], *, sandbox: bool) -> int:
    """The command; see `kling export --help`."""
    namespace, words = arguments.parse_words(_parser(), argv)
    if len(words) > 1:
        raise arguments.UsageProblem("kling export takes one file", fix="See kling export --help.")
    target = setting_values.expanded("the file", words[0]) if words and words[0] != "-" else None
    form = namespace.form or ("json" if target and target.suffix.lower() == ".json" else "csv")
    with ledgers.open_client("export", sandbox=sandbox or namespace.sandbox) as kling:
        ledger = kling.session.ledger()
        paths: dict[str, list[str]] = {}
        for kept in ledger.kept():
            if kept.path:
                paths.setdefault(kept.task, []).append(kept.path)
        rows = [
            {
                **as_json.recorded(row),
                "paths": paths.get(row.id, []),
                "request": without_secrets(row.request),
            }
            for row in reversed(ledger.rows(project=namespace.project))
        ]
    write = _write_json if form == "json" else _write_csv
    if target is None:
        _to_stdout(rows, write, form)
        return 0
    # Excel takes a CSV for the code page of the machine unless it begins with a mark.
    encoding = "utf-8-sig" if form == "csv" else "utf-8"
    try:
        with target.open("w", encoding=encoding, errors="backslashreplace", newline="") as file:
            write(rows, file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{target} cannot be written: {reason}") from error
    console.say(f"{len(rows)} tasks written to {target}")
    return 0


def _to_stdout(rows: Rows, write: Callable[[Rows, TextIO], None], form: str) -> None:
    """In UTF-8, whatever the console says; for the eyes of a person without escapes."""
    if form == "json":
        console.show_json(rows)
        return
    text = io.StringIO()
    write(rows, text)
    if sys.stdout.isatty():
        console.show(text.getvalue().rstrip("\n"))
        return
    stream: Any = sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", newline="")
    stream.write(text.getvalue())


def _write_json(rows: Rows, file: TextIO) -> None:
    file.write(console.as_json(rows, indent=1) + "\n")


def _write_csv(rows: Rows, file: TextIO) -> None:
    """One line a task; paths one a line within their cell, the request left to the JSON."""
    names = [*as_json.COLUMNS, "paths"]
    writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {name: _cell(value) for name, value in row.items()}
        writer.writerow({**cells, "paths": _cell("\n".join(row["paths"]))})


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""How a cell begins that a spreadsheet computes; and the mark itself, so that it can be undone."""


def _cell(value: Any) -> str:
    """Text that a spreadsheet does not take for a formula; numbers as they are."""
    if value is None:
        return ""
    text = str(as_json.plain(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="kling export",
        usage="kling export [options] [FILE]",
        description="The whole ledger, oldest first, as CSV or JSON; to stdout without FILE. JSON "
        "has the requests too.\nA CSV file begins with a byte order mark, for Excel (in Python: "
        'encoding="utf-8-sig"); a text\nthat a spreadsheet would compute, or that begins with an '
        "apostrophe, has one apostrophe in front.",
    )
    add = parser.add_argument
    add("--csv", dest="form", action="store_const", const="csv", help="write CSV [default]")
    add("--json", dest="form", action="store_const", const="json", help="write JSON [for *.json]")
    add("--project", metavar="NAME", help="only the tasks of this project")
    ledgers.hidden_sandbox(parser)
    return parser
