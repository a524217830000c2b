"""Fetching a file in as many pieces as it takes, until the reader of its kind accepts it.

What has come is taken up again where the host proves that it is still the same file, else from its
beginning. A dead link, and one that leads to something else, is answered by asking the task for a
fresh one. Who brings something new is asked again; who brings nothing, or lies, some times.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_core.errors import DownloadError, KlingError
from kling_core.file_lock import fitted
from kling_core.flows import read
from kling_core.output_paths import disk_error
from kling_core.wire.effects import Call, Flow, Save, Saved, Sleep

if TYPE_CHECKING:
    from kling_core.flows.task_state import Output

__all__ = ["Part", "fetch"]

ATTEMPTS = 6
"""Pieces in a row of which only the first brought something new, after which it is given up."""

LIES = 4
"""Whole answers that may turn out to be something else than the file."""

CRUMBS = (30, 65_536)
"""So many broken pieces must bring so many bytes together: else it would never end."""

_GONE = {401, 403, 404, 410}


class Part:
    """What has come of a file so far, and a note of what its rest must belong to.

    The note is in `notes`, a folder of our own: a part that was left without it begins anew.
    """

    def __init__(self, target: Path, name: str, notes: Path) -> None:
        self.path = fitted(target, f".{name}.part")
        # By its hash: a path may be longer, and odder, than any name.
        place = os.fsencode(self.path.absolute())
        self._note = notes / f"{hashlib.sha256(place).hexdigest()[:32]}.json"

    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begun(self, validator: str, total: int | None) -> None:
        """The file begins anew, and this names its content."""
        with suppress(OSError):  # it only saves time later
            if validator:
                self._note.parent.mkdir(parents=True, exist_ok=True)
                note = {"validator": validator, "total": total}
                self._note.write_text(json.dumps(note), encoding="utf-8")
                return
        self.whole()

    def known(self) -> tuple[str, int | None]:
        """What names the content that is here, and its whole length; nothing when that is lost."""
        try:
            note: Any = json.loads(self._note.read_bytes())
            return str(note["validator"]), note["total"] and int(note["total"])
        except (OSError, ValueError, TypeError, KeyError):  # no note, or half of one
            return "", None

    def whole(self) -> None:
        """It is complete: nothing more will be asked for."""
        with suppress(OSError):
            self._note.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget what has come."""
        self.path.unlink(missing_ok=True)
        self.whole()


class _Problem(NamedTuple):
    """Why a file is not whole yet, and how many bytes of it there were; `lie` when it is none."""

    text: str
    size: int = 0
    lie: bool = False


def fetch(output: Output, part: Part, target: Path) -> Flow[str | None]:
    """Stream into the part until it is whole; its SHA-256 when it came in one piece.

    Raises `DownloadError`; what has come stays for another time.
    """
    url = output.url or (yield from _fresh_url(output, ""))
    if not url:
        raise _given_up(output, "Kling does not say where it is", None)
    effort = _Effort()
    validator, total = yield Call(part.known)
    while True:
        # Without its name nothing proves that the rest belongs to what is here.
        offset: int = (yield Call(part.size)) if validator else 0
        judge = output.task.session.may_fetch
        saved: Saved = yield Save(url, part.path, offset, judge, validator, part.begun)
        if saved.refused:
            yield Call(part.drop)
            raise _refused(output, saved.refused)
        if saved.disk is not None:
            raise disk_error(saved.disk, target, output.task.task_id)
        if saved.status in (200, 206):
            # What an earlier answer announced holds for the rest of that file only.
            total = saved.total or (total if saved.status == 206 else None)
            validator = saved.validator
        glued = offset > 0 and saved.status == 206
        problem: _Problem = yield Call(partial(_judge, output.kind, saved, part, total, glued))
        if not problem.text:
            yield Call(part.whole)
            return None if glued else saved.sha256
        if effort.is_over(problem, slow=saved.slow):
            raise _given_up(output, problem.text, saved.status or None)
        url = yield from _before_the_next(output, url, saved, problem, effort)


def _before_the_next(
    output: Output, url: str, saved: Saved, problem: _Problem, effort: _Effort
) -> Flow[str]:
    """Rest, or ask for a fresh link, as the trouble wants it; returns the link for the next try."""
    session = output.task.session
    if problem.lie:
        yield Sleep(session.backoff(effort.lies - 1))
    if problem.lie or saved.status in _GONE:
        return (yield from _fresh_url(output, url))
    if saved.status != 416 and not saved.wrong:  # which begin anew, at once
        yield Sleep(session.backoff(effort.idle - 1))
    return url


@dataclass(slots=True)
class _Effort:
    """Decides when enough has been tried."""

    best: int = 0
    idle: int = 0
    lies: int = 0
    pieces: int = 0
    crumbs: int = 0

    def is_over(self, problem: _Problem, *, slow: bool) -> bool:
        """Take in what went wrong; True when nothing more is to be expected."""
        if problem.lie:
            # A lie was dropped: the next piece begins at nothing, and brings something new again.
            self.lies, self.best, self.crumbs = self.lies + 1, 0, 0
            return self.lies >= LIES
        gain = max(problem.size - self.best, 0)
        self.best += gain
        self.idle = (0 if gain and not slow else self.idle) + 1
        self.pieces, self.crumbs = self.pieces + 1, self.crumbs + gain
        if self.pieces < CRUMBS[0]:
            return self.idle >= ATTEMPTS
        enough = self.crumbs >= CRUMBS[1]
        self.pieces = self.crumbs = 0
        return not enough or self.idle >= ATTEMPTS


def _judge(kind: str, saved: Saved, part: Part, total: int | None, glued: bool) -> _Problem:
    """Whether the part is the whole file; what is none is dropped."""
    size = part.size()
    if saved.status == 416 or saved.wrong:
        part.drop()
        text = saved.wrong or "the media host has no more of it"
        return _Problem(text, size, lie=bool(saved.wrong) and saved.status == 200)
    if saved.status not in (200, 206):
        return _Problem(saved.failure or f"the media host answered HTTP {saved.status}", size)
    if saved.failure:
        return _Problem(saved.failure, size)
    if total is not None and size != total:
        if size > total:
            part.drop()
        return _Problem(f"{size:,} of {total:,} bytes came", size)
    if not size:
        return _Problem("the file is empty")
    from kling_core.media import integrity as whole

    try:
        whole.must_be_whole(part.path, kind, glued=glued)
    except whole.Broken as broken:
        part.drop()
        return _Problem(f"what the media host sent is not the {kind}: {broken}", size, lie=True)
    return _Problem("")


def _fresh_url(output: Output, old: str) -> Flow[str]:
    """Ask the task for a new link; the old one stays when the task cannot be read."""
    task = output.task
    if not task.endpoint.has_tasks:  # nobody can be asked for another one
        yield Sleep(task.session.backoff(0))
        return old
    try:
        facts = yield from read.get(task.session, task.endpoint, task.task_id, through=task.way)
    except KlingError:
        yield Sleep(task.session.backoff(0))
        return old
    task.update(facts)
    fresh = task.outputs[output.index].url if output.index < len(task.outputs) else old
    if fresh == old:
        yield Sleep(task.session.backoff(0))
    return fresh or old


def _refused(output: Output, reason: str) -> DownloadError:
    return DownloadError(
        f"{output.filename} is not fetched from where the task says: {reason}",
        task_id=output.task.task_id,
        retryable=False,
        fix="The task is intact and paid for. If Kling serves results from a new domain, the "
        "owner of this server can allow it with KLING_MEDIA_HOSTS.",
    )


def _given_up(output: Output, why: str, status: int | None) -> DownloadError:
    return DownloadError(
        f"{output.filename} could not be fetched: {why}",
        http_status=status,
        task_id=output.task.task_id,
        fix="The task is intact and paid for: download it again later.",
    )
