"""How everything here is measured: CPU time, the two sides by turns, medians.

CPU time does not count waiting for a busy machine, and a ratio taken round by round cancels what
the machine did to both sides.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
_COMPILED = Path(tempfile.gettempdir()) / f"kling-bench-{os.getpid()}"
atexit.register(shutil.rmtree, _COMPILED, ignore_errors=True)


@dataclass(frozen=True)
class Row:
    """One line of the table: two figures and their ratio, or one figure against a limit."""

    what: str
    ours: float
    unit: str
    goal: float | None
    baseline: float | None = None
    ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """None where no goal is set."""
        figure = self.ours if self.ratio is None else self.ratio
        return None if self.goal is None else figure <= self.goal


@dataclass(frozen=True)
class Plan:
    """How often to repeat; `quick` gives a first impression, not a verdict."""

    quick: bool = False

    def times(self, number: int) -> int:
        return max(3, number // 3) if self.quick else number


def against(
    what: str,
    goal: float | None,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    floor: float = 0.0,
) -> Row:
    """A row of a baseline and ours, measured by turns; `floor` is taken off both."""
    net = [(base - floor, ours - floor) for base, ours in pairs]
    return Row(
        what,
        median(ours for _, ours in net),
        unit,
        goal,
        median(base for base, _ in net),
        median(ours / base for base, ours in net),
    )


def cpu(work: Callable[[], object]) -> float:
    """The CPU seconds that this process spends on `work`, in all its threads."""
    start = process_time()
    work()
    return process_time() - start


def by_turns(
    base: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    scale: float,
    after: Callable[[], object] = lambda: None,
) -> list[tuple[float, float]]:
    """The CPU seconds of both sides, times `scale`; who goes first changes every round.

    One round before them warms up. `after` follows each side and is not counted.
    """
    pairs: list[tuple[float, float]] = []
    for number in range(1 + rounds):
        spent: dict[bool, float] = {}
        for second in (False, True) if number % 2 else (True, False):
            spent[second] = scale * cpu(ours if second else base)
            after()
        pairs.append((spent[False], spent[True]))
    return pairs[1:]


def child_cpu(code: str) -> float:
    """The CPU seconds of a fresh interpreter that runs `code`, from its start to its end."""
    process = subprocess.Popen([sys.executable, "-c", code], env=_plain_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"this failed in a fresh interpreter:\n{code}")
    return usage.ru_utime + usage.ru_stime


def child_answer(script: str, *arguments: str) -> float:
    """The number that one of the scripts beside this one prints, run in a fresh interpreter."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(
        command, env=_plain_environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout.split()[-1])


def _plain_environment() -> dict[str, str]:
    """The environment without Kling settings and proxies, with a cache of compiled modules.

    An installed package is compiled; a checkout need not be, and compiling is not ours to measure.
    """
    unwanted = ("KLING_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(unwanted)}
    home = {"KLING_HOME": os.environ["KLING_HOME"]} if "KLING_HOME" in os.environ else {}
    return {**kept, **home, "PYTHONPYCACHEPREFIX": str(_COMPILED)}


@contextmanager
def server() -> Iterator[str]:
    """The URL of the loopback server, which runs in a process of its own."""
    command = [sys.executable, str(HERE / "server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
