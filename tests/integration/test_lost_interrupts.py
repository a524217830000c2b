"""Ctrl-C in a program of ours is heard, whenever it comes."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys, weakref
from kling_core.cli import main as program

class Gone:
    pass

def cleared_away(reference):
    os.kill(os.getpid(), signal.SIGINT)
    sum(range(100))  # here Python raises it, and drops it

def command(words, *, sandbox):
    gone = Gone()
    reference = weakref.ref(gone, cleared_away)
    del gone
    signal.pause()

signal.signal(signal.SIGINT, signal.default_int_handler)
program._dispatch = lambda words: command(words, sandbox=False)
sys.exit(program.main(["models"]))
"""


def test_a_ctrl_c_in_a_callback_of_the_collector_is_not_lost() -> None:
    """Python would drop it: SQLAlchemy alone has such callbacks at each connection."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")
