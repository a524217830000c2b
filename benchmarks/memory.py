"""Peak memory of a piece of work over the idle process before it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")
_FORGET = Path("/proc/self/clear_refs")


def peak_over_idle(work: Callable[[], object]) -> float:
    """Megabytes (MiB) that the process grew at most while `work` ran.

    Where the kernel tells its high water mark (Linux): all resident memory. Elsewhere: what
    Python allocated.
    """
    try:
        _FORGET.write_text("5", encoding="ascii")  # the mark falls back to what is used now
    except OSError:
        return _allocated(work)
    idle = _kilobytes("VmHWM")
    work()
    return (_kilobytes("VmHWM") - idle) / 1024


def _kilobytes(name: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _allocated(work: Callable[[], object]) -> float:
    tracemalloc.start()
    idle, _ = tracemalloc.get_traced_memory()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (peak - idle) / 2**20
