"""The official conformance suite, against the product's server with the suite's fixtures on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import conformance_server
import pytest
from helpers import node
from helpers.web import served

from kling_core import Sandbox

PUSHED = "the server asks the client over a session, and ours keeps none over HTTP"
NOT_OURS = {
    "tools-call-sampling": PUSHED,
    "tools-call-elicitation": PUSHED,
    "elicitation-sep1034-defaults": PUSHED,
    "elicitation-sep1330-enums": PUSHED,
    "server-sse-polling": "streams that resume belong to sessions",
    "server-sse-multiple-streams": "in 2025-11-25 it wants a session; in 2026-07-28 it runs",
    "logging-set-level": "the logging capability is deprecated, and not offered",
    "tools-call-with-logging": "as logging-set-level",
    "tasks-mrtr-input": "no task of ours asks for anything while it runs; it asks before",
    "tasks-required-task-error": "no tool of ours requires tasks",
    "sep-2640-skills-directory": "no skills are offered",
    "sep-2640-skills-enumeration": "no skills are offered",
    "sep-2640-skills-manifest": "no skills are offered",
}
"""Scenarios that do not apply, and why."""

TASKS = (
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-status-notifications",
    "tasks-mrtr-composition",
)
CHECKS = {"2025-11-25": 55, "2026-07-28": 149, "tasks": 37}
"""How many checks must at least be made, so that a scenario that checks nothing is noticed."""


@pytest.fixture(scope="module")
def url(quick_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    folder = tmp_path_factory.mktemp("conformance")
    with served(conformance_server.app(quick_sandbox, folder)) as place:
        yield f"{place}/mcp"


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_protocol(url: str, version: str, tmp_path: Path):
    """Every scenario of a protocol version passes, but for those that do not apply."""
    excused = tmp_path / "excused.yml"
    own = _listed(version) & NOT_OURS.keys() if version == "2025-11-25" else set[str]()
    lines = ["server:", *(f"  - {name}" for name in sorted(own))] if own else ["server: []"]
    excused.write_text("\n".join(lines), encoding="utf-8")
    done = node.run(
        node.CONFORMANCE,
        *("server", "--url", url, "--suite", "all", "--spec-version", version),
        *("--expected-failures", str(excused)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = dict(re.findall(r"^[✓✗] ([\w-]+): (\d+) passed", done.stdout, re.MULTILINE))
    assert summary.keys() == _listed(version), "a scenario was left out"
    assert sum(int(n) for name, n in summary.items() if name not in own) >= CHECKS[version]


def test_tasks(url: str):
    """The scenarios of the tasks extension."""
    passed = 0
    for name in TASKS:
        done = node.run(
            node.CONFORMANCE,
            *("server", "--url", url, "--scenario", name, "--spec-version", "2026-07-28"),
            "--force",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"Passed: (\d+)/\1, 0 failed, 0 warnings", done.stdout)
        assert found, done.stdout
        passed += int(found[1])
    assert passed >= CHECKS["tasks"]


def test_every_scenario_is_run_or_excused():
    """A scenario that a later suite brings is not overlooked."""
    known = _listed("2025-11-25") | _listed("2026-07-28") | set(TASKS)
    assert _scenarios().keys() - known == {n for n in NOT_OURS if n.startswith(("tasks", "sep"))}


def _listed(version: str) -> set[str]:
    return {name for name, versions in _scenarios().items() if version in versions}


@cache
def _scenarios() -> dict[str, list[str]]:
    listed = node.run(node.CONFORMANCE, "list", "--server").stdout
    found = re.findall(r"^  - ([\w-]+) \[([^\]]*)\]", listed, re.MULTILINE)
    assert len(found) > 50
    return {name: versions.split(",") for name, versions in found}
