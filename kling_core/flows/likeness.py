"""Which new task of a list is that of a request without an id of ours (lip-sync).

A task that names our source video is ours. One that names none, or names it in a way we cannot
read, may be ours: it is never taken for "none". One that names another video is another's, where
Kling is seen to name videos by the ids that we know them by; so is one with an id of another's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kling_core.editions.task_facts import TaskFacts
from kling_core.flows.attempt import Attempt
from kling_core.ledger.records import Claims

__all__ = ["Likeness", "among"]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The tasks of a list that could be ours, by how sure that is.

    `same` name our source video, `silent` name none that we could compare, `other` name one that
    we do not know. `rivals`: another request of the same kind waits for its task, too.
    """

    same: list[TaskFacts]
    silent: list[TaskFacts]
    other: list[TaskFacts]
    rivals: bool

    @property
    def candidates(self) -> tuple[str, ...]:
        """Kling's ids of all of them."""
        return tuple(task.task_id for task in (*self.same, *self.silent, *self.other))

    def found(self, *, certain: bool) -> TaskFacts | None:
        """Ours, None when that cannot be told.

        With `certain`, when a task of ours would be in the list, the only one that does not say
        what it was made of is ours, too.
        """
        if self.rivals:
            return None
        if len(self.same) == 1:
            return self.same[0]
        alone = certain and not self.same and not self.other
        return self.silent[0] if alone and len(self.silent) == 1 else None


def among(
    listed: Sequence[TaskFacts], known: Collection[str], claims: Claims, attempt: Attempt
) -> Likeness:
    """The tasks of a list that are neither `known` from before nor made by another request."""
    fresh = [task for task in listed if not (task.task_id in known or task.task_id in claims.made)]
    like = Likeness([], [], [], _has_rivals(claims, attempt))
    readable = any(
        task.parent_id == claims.made[task.task_id]
        for task in listed
        if claims.made.get(task.task_id)
    )
    ours = {word for word in (attempt.source_video, attempt.source_url) if word}
    for task in fresh:
        if task.external_task_id:
            like.same.extend([task] if task.external_task_id == attempt.external_task_id else [])
        elif ours & task.source_words:
            like.same.append(task)
        elif not task.parent_id or not attempt.source_video:
            like.silent.append(task)
        elif not readable:
            like.other.append(task)
    return like


def _has_rivals(claims: Claims, attempt: Attempt) -> bool:
    """Whether the task of another request could look like ours."""
    mine = attempt.source_video
    return any(None in (mine, theirs) or mine == theirs for theirs in claims.rivals)
