"""Interrupts while a request stands in line or is on its way: nothing is cut in two."""

from __future__ import annotations

import time

import pytest
from helpers.kernels import FAST, WORKSPACE, held

from kling_core.sandbox import Fault


def test_the_first_interrupt_is_obeyed_while_a_create_waits_for_a_slot(kernel, service):
    """An interrupt in line sends nothing, and the ledger keeps the row."""
    kernel.outputs("import os; os.environ['KLING_SLOTS'] = '1'\n%kling connect")
    try:
        with held(service):
            kernel.outputs("%kling text-to-video a boat that holds the slot")
            _interrupted_in_line(kernel, service, "a boat that waits")
            rows = f"{WORKSPACE}.client.tasks.ledger.rows(words='a boat that waits')"
            assert kernel.value(f"{rows}[0].state") == "'prepared'"
    finally:
        kernel.outputs("del os.environ['KLING_SLOTS']\n%kling connect")
        kernel.outputs(FAST)


@pytest.mark.parametrize("live", [True, False])
def test_an_interrupt_never_cuts_a_submit_in_two(kernel, service, live):
    """An interrupt while the request is out waits for the answer, so the task is known."""
    before = len(service.tasks)
    service.faults.add(Fault("stall", kind="create", after=True, seconds=1.5))
    request = kernel.start("%kling text-to-video --name held a slow answer", live=live)
    _wait_for(lambda: len(service.tasks) > before)
    kernel.manager.interrupt_kernel()
    lines = kernel.error(request)
    assert "Stopped waiting" in lines[0]
    assert kernel.value("held.task_id") == repr(service.tasks[-1].task_id)
    assert kernel.value("_kling is held") == "True"
    assert kernel.value("held.wait().path.is_file()") == "True"
    assert len(service.tasks) == before + 1


def test_a_second_interrupt_is_obeyed_and_the_task_still_arrives(kernel, service):
    """Two interrupts end even a submit; the cell warns, and _kling gets the task when it comes."""
    before = len(service.tasks)
    kernel.outputs("_kling = None")
    service.faults.add(Fault("stall", kind="create", after=True, seconds=4.0))
    request = kernel.start("%kling text-to-video an impatient boat")
    _wait_for(lambda: len(service.tasks) > before)
    for _ in range(2):
        kernel.manager.interrupt_kernel()
        time.sleep(0.3)  # two signals at once are one
    lines = kernel.error(request)
    assert "Stopped while submitting" in lines[0]
    kernel.outputs("import time\nfor _ in range(100):\n    if _kling: break\n    time.sleep(0.1)")
    assert kernel.value("_kling.task_id") == repr(service.tasks[-1].task_id)


# The last one, for from a 1303 on the ledger knows a limit.
def test_an_interrupt_is_obeyed_while_kling_takes_no_more(kernel, service):
    """After a 1303 the create waits for a while; an interrupt there ends it at once, unsent."""
    service.faults.add(
        Fault("refuse", kind="create", status=429, code=1303, message="parallel task over limit")
    )
    kernel.outputs(f"{WORKSPACE}.client.session.pace.retry_first = 30.0")
    try:
        _interrupted_in_line(kernel, service, "a boat too many")
    finally:
        kernel.outputs(FAST)


def _interrupted_in_line(kernel, service, prompt: str) -> None:
    """An interrupt while this stands in line ends the cell at once, and nothing has been sent."""
    before = len(service.tasks)
    request = kernel.start(f"%kling text-to-video --wait {prompt}")
    kernel.until(lambda m: "waiting for a slot" in str(m["content"]))
    interrupted = time.monotonic()
    kernel.manager.interrupt_kernel()
    lines = kernel.error(request)
    assert time.monotonic() - interrupted < 2
    assert "nothing was sent and nothing is paid" in lines[0]
    assert "%kling resume --send sends it" in lines[0]
    assert len(service.tasks) == before


def _wait_for(happened) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)
