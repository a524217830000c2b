"""Children that can be killed for a tenth of a second each: forked from a process that is warm.

Run as a script this is the warm parent: it reads an `Order` a line, forks a child for it, and says
the child's pid and then how it ended. `Nursery` is the other end, in the tests.

The parent warms up on what the first children had to load: it imports the same modules.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from job import Order, take_up, wanted

HERE = Path(__file__).parent


class Nursery:
    """The warm parent, from the outside."""

    def __init__(self) -> None:
        root = HERE.parent.parent
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(HERE)])}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # a child hangs; its test has failed by now
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def child(self, order: Order, born: Callable[[int], None] | None = None) -> int:
        """Let a child do its work; returns 0, or the number of the signal that ended it.

        `born` is told the child's pid. Raises `AssertionError` with the traceback of a child that
        ended by itself with an error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order.plain()) + "\n")
        self._process.stdin.flush()
        pid = json.loads(self._process.stdout.readline())["pid"]
        if born is not None:
            born(pid)
        end = json.loads(self._process.stdout.readline())
        assert end["status"] in (0, 9), end["error"]
        return end["status"]


def _serve() -> None:
    warnings.simplefilter("ignore")  # the sandbox's clips are small, and the client says so
    for line in sys.stdin:
        values: dict[str, Any] = json.loads(line)
        target = values.pop("target")
        order = Order(**values, target=tuple(target) if target else None)
        folder = Path(order.folder)
        trouble, loaded = folder / "trouble", folder / "loaded"
        pid = os.fork()
        if pid == 0:
            _live(order, trouble, loaded)
        _say(pid=pid)
        _, status = os.waitpid(pid, 0)
        error = trouble.read_text() if trouble.exists() else f"ended with status {status}"
        if loaded.exists():
            _warm_up(loaded.read_text().split(), order)
            loaded.unlink()
        _say(status=os.WTERMSIG(status) if os.WIFSIGNALED(status) else status, error=error)


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201


def _warm_up(modules: list[str], order: Order) -> None:
    """Load what a child had to load, so that for the next ones a fork is all it takes."""
    for module in modules:
        with contextlib.suppress(ImportError):  # some modules can be reached by others only
            importlib.import_module(module)
    from kling_core.declare import registry

    for name, fields in wanted(order):
        registry.load(name).request(**fields).quote()
    gc.collect()
    gc.freeze()


def _live(order: Order, trouble: Path, loaded: Path) -> None:
    """A child's whole life."""
    status, before = 0, set(sys.modules)
    try:
        import httpx
        from mortal import Death, MortalKling

        death = Death(order.target, order.report, order.outputs)
        death.watch()
        client = httpx.Client(verify=False)
        with client, MortalKling(death, http_client=client, **order.settings()) as kling:
            take_up(kling, order)
        new = set(sys.modules) - before
        if new:
            loaded.write_text(" ".join(sorted(new)))
    except BaseException:  # noqa: BLE001, the parent tells the test
        trouble.write_text(traceback.format_exc())
        status = 1
    os._exit(status)


if __name__ == "__main__":
    _serve()
