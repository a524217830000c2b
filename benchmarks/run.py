"""Measures the speed goals and prints one table; `--quick` for a first impression.

Ratios are of CPU time against a baseline in the same run, the two by turns. Goals in seconds
depend on the machine and on what else it does; the last line tells how this one compares.
"""

from __future__ import annotations

import argparse
import binascii
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import agents
import calls
import clips
import download
import ledger
import notebook
import scale
import starting
import upload
from tools import Plan, Row, cpu, server

USUAL = 17.4
"""Milliseconds of CPU for the base64 of 10 MB on the machine on which the goals were set, idle."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the rounds")
    plan = Plan(quick=parser.parse_args().quick)
    rows: list[Row] = []
    for found in _measured(plan):
        rows += found
        print(f"measured: {found[-1].what}", file=sys.stderr, flush=True)
    print(_table(rows))
    content = os.urandom(10_000_000)
    here = 1000 * min(cpu(lambda: binascii.b2a_base64(content)) for _ in range(9))
    print(
        f"This machine, now: base64 of 10 MB in {here:.1f} ms; {USUAL} ms where the goals were "
        f"set, so a second here is {USUAL / here:.2f} s there."
    )


def _measured(plan: Plan) -> Iterator[list[Row]]:
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name, server() as url:
        folder = Path(name)
        os.environ["KLING_HOME"] = name  # nothing measured here belongs into the user's ledger
        yield starting.imports(plan)
        yield starting.first_answer(plan, url)
        yield calls.one_at_a_time(plan, url)
        yield calls.hundred_at_once(plan, url)
        yield upload.upload(plan, url, folder)
        yield download.download(plan, url, folder)
        yield clips.render(plan, folder)
        yield ledger.a_task(plan, folder)
        yield from scale.law(plan, folder)
        yield notebook.load_extension(plan)
        yield agents.start_to_tools(plan)


def _table(rows: list[Row]) -> str:
    head = ("what", "baseline", "ours", "ratio", "goal", "met")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    first, *rest = (
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
    return "\n".join([first, "-" * len(first), *rest])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        "" if row.baseline is None else _figure(row.baseline, row.unit),
        _figure(row.ours, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.goal is None else f"{row.goal:g}{'' if row.ratio else f' {row.unit}'}",
        {None: "", True: "yes", False: "NO"}[row.met],
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


if __name__ == "__main__":
    main()
