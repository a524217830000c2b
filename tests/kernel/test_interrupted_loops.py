"""An interrupt in a cell of many creates: what was not sent by then never is."""

from __future__ import annotations

import pytest
from helpers.kernels import FAST, WORKSPACE, held

LOOP = "for i in range(8):\n    %kling text-to-video --no-wait a {what} boat number {i}\n"
STUBBORN = """import time
refused = []
for i in range(8):
    try:
        %kling text-to-video {wait} a {what} boat number {i}
    except Exception as error:
        refused.append(str(error))
"""


@pytest.fixture
def one_slot(kernel):
    kernel.outputs("import os; os.environ['KLING_SLOTS'] = '1'\n%kling connect")
    kernel.outputs(FAST)
    yield kernel
    kernel.outputs("del os.environ['KLING_SLOTS']\n%kling connect")
    kernel.outputs(FAST)


def states(kernel, what: str) -> str:
    rows = f"{WORKSPACE}.client.tasks.ledger.rows(words='{what}', limit=None)"
    return kernel.value(f"sorted({{row.state for row in {rows}}})")


@pytest.mark.parametrize("sleep", ["time.sleep(30)", "_kling.wait()"])
def test_what_stands_in_line_is_not_sent_after_an_interrupt(one_slot, service, sleep):
    """Wherever in the cell the interrupt falls; the cell says so, and the ledger keeps the rest."""
    what = "sleepy" if "sleep" in sleep else "patient"
    before = len(service.tasks)
    with held(service):
        one_slot.outputs(f"what = {what!r}\nimport time")
        request = one_slot.start(LOOP + "print('all in line')\n" + sleep)
        one_slot.until(lambda m: "all in line" in str(m["content"].get("text")))
        one_slot.manager.interrupt_kernel()
        told = list(one_slot.messages(request))
        said = "".join(m["content"].get("text", "") for m in told if m["msg_type"] == "stream")
        assert "Interrupted: 7 requests of this cell stood in line and will not be sent" in said
        assert "%kling resume --send sends them" in said
        assert any(m["msg_type"] == "error" for m in told)
        one_slot.outputs(f"for _job in list({WORKSPACE}.begun): _job._ended.wait(5)")
        assert len(service.tasks) == before + 1
    one_slot.outputs(
        f"for _job in list({WORKSPACE}.jobs.values()): _job.wait(20)"
    )  # frees the slot
    assert states(one_slot, what) == "['prepared', 'succeeded']"
    assert len(service.tasks) == before + 1


def test_a_loop_that_goes_on_after_the_interrupt_sends_nothing_more(one_slot, service):
    """`except Exception` catches what the interrupt raises; the next create is refused."""
    before = len(service.tasks)
    with held(service):
        one_slot.outputs("what = 'stubborn'\n%kling text-to-video --no-wait a boat in the slot")
        request = one_slot.start(STUBBORN.replace("{wait}", "--wait"))
        one_slot.until(lambda m: "waiting for a slot" in str(m["content"]))
        one_slot.manager.interrupt_kernel()
        list(one_slot.messages(request))
        assert one_slot.value("len(refused)") == "8"
        assert one_slot.value("sum('interrupted before' in text for text in refused)") == "7"
        assert len(service.tasks) == before + 1


def test_the_next_cell_sends_again(one_slot, service):
    """The refusal ends with its cell, and jobs of earlier cells keep their place in line."""
    before = len(service.tasks)
    one_slot.outputs("import time")
    with held(service):
        one_slot.outputs("%kling text-to-video --no-wait --name first a boat in the slot")
        one_slot.outputs("%kling text-to-video --no-wait --name second a next boat, in line")
        request = one_slot.start("print('asleep'); time.sleep(30)")
        one_slot.until(lambda m: "asleep" in str(m["content"].get("text")))
        one_slot.manager.interrupt_kernel()
        list(one_slot.messages(request))
        assert one_slot.value("second.status") == "'waiting'"
    assert one_slot.value("second.wait(20).status") == "'succeeded'"
    one_slot.outputs("third = None\n%kling text-to-video --wait --name third a next boat, again")
    assert one_slot.value("third.status") == "'succeeded'"
    assert len(service.tasks) == before + 3
