"""Whether anything was lost, doubled or left half done: at the server, in the ledger, on disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from job import Order, wanted

from kling_core import Kling, Sandbox
from kling_core.flows.save import sidecar
from kling_core.ledger.ledger import Ledger


class Before:
    """What the sandbox had before a job began."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.tasks = {task.task_id for task in sandbox.tasks}
        self.billed = sandbox.stats.billed_tasks


def judge(order: Order, sandbox: Sandbox, before: Before) -> None:
    """Assert that the job was done once: billed = wanted, lost = 0, duplicates = 0."""
    requests = wanted(order)
    assert sandbox.wait_idle()
    made = [task for task in sandbox.tasks if task.task_id not in before.tasks]
    assert Counter(t.endpoint for t in made) == Counter(name for name, _ in requests)
    assert sandbox.stats.billed_tasks - before.billed == len(requests)
    asked = [f["external_task_id"] for _, f in requests if "external_task_id" in f]
    assert sorted(t.external_task_id for t in made if t.external_task_id) == asked
    with Kling(**order.settings()) as kling:
        ledger = kling.tasks.ledger
        _judge_ledger(ledger, {task.task_id for task in made})
        outputs = sum(len(task.outputs) for task in made)
        _judge_disk(ledger, order.outputs, outputs)
        ledger.close()


def _judge_ledger(ledger: Ledger, made: set[str]) -> None:
    rows = ledger.rows()
    assert {row.state for row in rows} == {"succeeded"}, [(row.id, row.state) for row in rows]
    assert len(rows) == len(made)
    assert {row.task_id for row in rows} == made
    assert all(row.owner is None for row in rows)


def _judge_disk(ledger: Ledger, folder: Path, outputs: int) -> None:
    kept = ledger.kept()
    paths = {Path(one.path) for one in kept if one.path}
    assert len(kept) == len(paths) == outputs
    beside = {sidecar(path) for path in paths}
    files = {path.resolve() for path in folder.rglob("*") if path.is_file()}
    assert files == paths | beside, sorted(str(path) for path in files ^ (paths | beside))
    for one in kept:
        path = Path(str(one.path))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == one.sha256
        assert path.stat().st_size == one.size
        facts: dict[str, Any] = json.loads(sidecar(path).read_text())
        assert facts["sha256"] == one.sha256
        _decode(path, one.kind)


def _decode(path: Path, kind: str) -> None:
    if kind == "image":
        from PIL import Image

        with Image.open(path) as picture:
            picture.load()
        return
    import av

    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
