"""Interrupts, headless runs, lines for slots, and what survives a kernel."""

from __future__ import annotations

import time

import nbformat
import pytest
from helpers import kernels
from helpers.kernels import FAST, WAITING, WIDGET, final, finals, held
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from kling_core.sandbox import Fault
from notebooks import demo


def slow(service, seconds: float) -> None:
    """Let the next task take some seconds."""
    service.faults.add(Fault("slow", seconds=seconds))


@pytest.mark.parametrize(
    "cell", ["clip.wait()", "await clip", "clip.path", "%kling get {id}", "%kling get --wait {id}"]
)
def test_an_interrupt_is_felt_at_once_and_loses_nothing(kernel, service, cell):
    """In less than half a second the cell fails with one line; the job goes on to its clip."""
    with held(service):
        kernel.outputs("clip = %kling text-to-video a slow boat")
        task = service.tasks[-1].task_id
        waits = cell.removeprefix("%kling ") != "get {id}"
        request = kernel.start(cell.format(id=task), live=waits)
        kernel.until(lambda m: m["content"].get("execution_state") == "busy")
        time.sleep(0.4)  # the cell tells nothing when it begins to wait
        interrupted = time.monotonic()
        kernel.manager.interrupt_kernel()
        lines = kernel.error(request)
        assert time.monotonic() - interrupted < 0.5
        (line,) = lines
        assert "goes on and is paid for" in line
        assert f"%kling get text-to-video {task}" in line
    assert kernel.value("clip.wait().path.is_file()") == "True"


def test_an_interrupt_while_the_cell_waits_leaves_the_card_alive(kernel, service):
    """With --wait the interrupt ends the cell only: its card still becomes the clip."""
    with held(service):
        request = kernel.start("clip = %kling text-to-video --wait --name clip a boat")
        kernel.until(lambda m: "submitted" in str(m["content"]) and m["msg_type"] == "comm_msg")
        kernel.manager.interrupt_kernel()
        lines = kernel.error(request)
        assert "Stopped waiting" in lines[0]
    (figure,) = finals(kernel.until(final))
    assert "<video" in figure["data"]["text/html"]
    assert kernel.value("clip.status") == "'succeeded'"


def test_awaiting_obeys_asyncio(kernel, service):
    """A time-out of asyncio cuts the waiting short and is no interrupt; gather waits for all."""
    slow(service, 1.2)
    kernel.outputs("one = %kling text-to-video a boat")
    kernel.outputs("import asyncio")
    lines = kernel.failure("async with asyncio.timeout(0.3):\n    await one")
    assert "TimeoutError" in lines[-1]
    kernel.outputs("two = %kling text-to-video another boat")
    (told,) = [
        m
        for m in kernel.outputs("print([j.status for j in await asyncio.gather(one, two)])")
        if m["msg_type"] == "stream"
    ]
    assert told["content"]["text"] == "['succeeded', 'succeeded']\n"


def test_nobody_looks_so_the_cell_waits(kernel, service):
    """Under nbclient and its like: one output, progress, then the clip, and no widget."""
    slow(service, 0.3)
    told = kernel.outputs("%kling text-to-video a boat", live=False)
    assert told[0]["msg_type"] == "display_data"
    assert {m["msg_type"] for m in told[1:]} == {"update_display_data"}
    assert len({m["content"]["transient"]["display_id"] for m in told}) == 1
    words = [m["content"]["data"]["text/plain"].partition(" ")[0] for m in told]
    assert words[0] == "submitting"
    assert "downloading" in words
    assert not any(WIDGET in m["content"]["data"] for m in told)
    assert "<video" in told[-1]["content"]["data"]["text/html"]


def test_the_front_end_can_be_overruled(kernel, service):
    """--wait, --no-wait and %config decide; --timeout waits for so long."""
    slow(service, 0.5)
    kernel.outputs("clip = %kling text-to-video --wait a boat")
    assert kernel.value("clip.done") == "True"
    with held(service):
        kernel.outputs("clip = %kling text-to-video --no-wait a boat", live=False)
        assert kernel.value("clip.done") == "False"
    assert kernel.outputs("%config KlingMagics.wait = True") == []
    slow(service, 0.5)
    kernel.outputs("clip = %kling text-to-video a boat")
    assert kernel.value("clip.done") == "True"
    kernel.outputs("%config KlingMagics.wait = 'auto'")
    with held(service):
        assert "still" in kernel.failure("%kling text-to-video --timeout 0.3 --name clip a boat")[0]
    assert kernel.value("clip.wait().status") == "'succeeded'"


def test_a_request_in_line_lets_the_cell_return_and_is_sent_in_its_turn(kernel, service):
    """The card tells the place; `wait` waits for both; leaving the line sends nothing."""
    kernel.outputs("import os; os.environ['KLING_SLOTS'] = '1'\n%kling connect")
    kernel.outputs(FAST)
    try:
        with held(service):
            kernel.outputs("first = %kling text-to-video the first boat")
            before = len(service.tasks)
            told = kernel.outputs("second = %kling text-to-video the second boat")
            assert not [m for m in told if m["msg_type"] == "error"]
            assert any("waiting for a slot (1/1 busy)" in str(m["content"]) for m in told)
            assert kernel.value("second.status") == "'waiting'"
            assert len(service.tasks) == before
            told = kernel.outputs("third = %kling text-to-video the third boat")
            (shown,) = [m for m in told if m["msg_type"] == "display_data"]
            kernel.send(shown["content"]["data"][WIDGET]["model_id"], {"kind": "stop"})
        assert kernel.value("second.wait().path.is_file()") == "True"
        assert "nothing was sent and nothing is paid" in kernel.failure("third.wait()")[0]
        assert len(service.tasks) == before + 1
    finally:
        kernel.outputs("del os.environ['KLING_SLOTS']\n%kling connect")
        kernel.outputs(FAST)


def test_run_all_stops_at_an_error(service, tmp_path, monkeypatch):
    """Under nbclient the clip is saved without a widget, and nothing runs after a mistake."""
    for name, value in (
        ("KLING_BASE_URL", service.url),
        ("KLING_ACCESS_KEY", service.access_key),
        ("KLING_SECRET_KEY", service.secret_key),
        ("KLING_HOME", str(tmp_path / "home")),
        ("IPYTHONDIR", str(tmp_path / "ipython")),
    ):
        monkeypatch.setenv(name, value)
    cells = (
        "%load_ext kling_jupyter",
        "%kling text-to-video a boat",
        "%kling text-to-video -d 7 a boat",
        "print('after')",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    client = NotebookClient(
        notebook,
        kernel_manager_class=demo._this_interpreter(),
        timeout=60,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(tmp_path)}},
    )
    with pytest.raises(CellExecutionError, match="5 or 10 seconds"):
        client.execute()
    _, clip, mistake, after = notebook.cells
    (figure,) = clip.outputs
    assert "<video" in figure.data["text/html"]
    assert "widgets" not in notebook.metadata
    assert mistake.outputs[0].output_type == "error"
    assert after.outputs == []


def test_two_kernels_share_one_ledger(service, tmp_path):
    """One is killed while its task runs; the other gets the clip, and nothing is made twice."""
    before = len(service.tasks)
    with kernels.kernel(tmp_path, sandbox=service) as one:
        one.outputs("%load_ext kling_jupyter")
        with kernels.kernel(tmp_path, sandbox=service) as other:
            other.outputs("%load_ext kling_jupyter")
            other.outputs(FAST)
            slow(service, 1.5)
            one.outputs("clip = %kling text-to-video a boat that survives")
            one.manager.shutdown_kernel(now=True)
            task = service.tasks[-1].task_id
            told = other.outputs(f"again = %kling get {task}")
            assert any(WIDGET in m["content"]["data"] for m in told if "display" in m["msg_type"])
            (figure,) = finals(other.until(final))
            assert "<video" in figure["data"]["text/html"]
            assert other.value("again.task_id") == repr(task)
    assert len(service.tasks) == before + 1


def test_a_lazy_profile_knows_the_magic(tmp_path, monkeypatch):
    """After `python -m kling_jupyter enable` a kernel knows %kling without %load_ext."""
    from kling_jupyter.__main__ import main

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    assert main(["enable"]) == 0
    with kernels.kernel(tmp_path, sandbox=None) as made:
        assert made.value("'kling_jupyter' in __import__('sys').modules") == "False"
        assert "text-to-video" in str(made.outputs("%kling help"))


def test_completion_in_a_kernel(kernel):
    """The kernel's own completion: fast, ours only, and with the right place to put it."""
    request = "clip = %kling text-to-video --model-name=kling-v2"
    reply = _complete(kernel, request)
    assert "kling-v2-6" in reply["matches"]
    assert all(match.startswith("kling-v2") for match in reply["matches"])
    assert reply["cursor_start"] == request.index("kling-v2")
    assert reply["cursor_end"] == len(request)
    _complete(kernel, "%kling get ")  # the ledger is read
    for typed in ("%kling te", "%%kling i2v --image ", "%kling get ", "%kling t2v a boat in"):
        begun = time.monotonic()
        _complete(kernel, typed)
        assert time.monotonic() - begun < 0.25, typed  # the way to the kernel and back included


def _complete(kernel, code):
    return kernel.client.complete(code, reply=True, timeout=WAITING)["content"]
