"""Fixtures for all tests: a clean environment, sandboxes, clients, media."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import postgres
from helpers.drivers import Driver, MakeDriver, drivers
from helpers.sandboxes import FAST, PLENTY, one_frame_a_second

from kling_core import Kling, Sandbox, caller_warnings
from kling_core.errors import KlingWarning

LONGEST = (
    "tests/browser/",
    "tests/ledger/test_slots.py",
    "tests/mcp/test_inspector.py",
    "tests/crash/test_kills.py",
    "tests/integration/test_faults.py",
    "tests/mcp/test_agent_faults.py",
    "tests/notebooks/test_agent.py",
)
"""What is begun first, so that no worker is left alone with one of them in the end."""


def pytest_configure() -> None:
    """Hear Ctrl-C, as what the tests start inherits that: a run in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the longest files to the front; the rest keeps its order."""

    def rank(item: pytest.Item) -> int:
        ranks = (at for at, start in enumerate(LONGEST) if item.nodeid.startswith(start))
        return next(ranks, len(LONGEST))

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker has whole files, and one has all of the browser: its tests share a JupyterLab."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "tests/browser" if file.startswith("tests/browser/") else file

    return Files(config, log)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the developer's machine reaches a test, and no test reaches it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("KLING_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("KLING_HOME", str(tmp_path_factory.getbasetemp() / "no-home"))
        yield


@pytest.fixture(autouse=True)
def _no_word_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning that no test expects fails it, also one that must not stop a user's program."""

    def fail(warning: KlingWarning, _: object) -> None:
        raise warning

    monkeypatch.setattr(caller_warnings, "show", fail)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests that look at nothing but their own tasks."""
    with Sandbox(quality="test", speed=5000, **PLENTY) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def quick_sandbox() -> Iterator[Sandbox]:
    """One sandbox whose clips have a frame a second: for tests that do not look at the frames."""
    with Sandbox(quality="test", speed=20000, **PLENTY) as sandbox:
        one_frame_a_second(sandbox)
        yield sandbox


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with options of the test's own, and ends them after it."""
    with ExitStack() as stack:

        def start(**options: Any) -> Sandbox:
            defaults: dict[str, Any] = {"quality": "test", "speed": 5000}
            return stack.enter_context(Sandbox(**{**defaults, **options}))

        yield start


@pytest.fixture
def sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A fresh sandbox for one test."""
    return start_sandbox()


@pytest.fixture
def kling(quick_sandbox: Sandbox, tmp_path: Path) -> Iterator[Kling]:
    """A blocking client of the quick sandbox; its downloads go to `tmp_path / "clips"`."""
    with Kling(sandbox=quick_sandbox, pace=replace(FAST), output_dir=tmp_path / "clips") as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def make_driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeDriver]:
    """Makes clients of one kind, so that a test that takes it runs once with each kind."""
    with drivers(request.param, tmp_path / "clips") as make:
        yield make


@pytest.fixture(scope="session", params=["sync", "async"])
def driver(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    quick_sandbox: Sandbox,
) -> Iterator[Driver]:
    """A client of the quick sandbox: blocking in one run of the test, awaiting in the other."""
    with drivers(request.param, tmp_path_factory.mktemp("clips")) as make:
        yield make(sandbox=quick_sandbox)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL server for the whole test run, started when the first test asks for it."""
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh ledger is to live: a file in one run of the test, PostgreSQL in the other."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    server: postgres.Postgres = request.getfixturevalue("postgres_server")
    return server.database()
