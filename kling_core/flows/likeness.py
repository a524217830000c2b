"""Which new task of a list is that of a request without an id of ours (lip-sync).

A task that names our source video is ours. One that names none, or names it in a way we cannot
read, may be ours: it is never taken for "none". One that names another video is another's, where
Kling is seen to name videos by the ids that we know them by.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from kling_core.editions.task_facts import Answer, text
from kling_core.flows.attempt import Attempt
from kling_core.ledger.records import Claims

__all__ = ["Likeness", "among"]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The tasks of a list that could be ours, by how sure that is.

    `same` name our source video, `silent` name none that we could compare, `other` name one that
    we do not know. `rivals`: another request of the same kind waits for its task, too.
    """

    same: list[dict[str, Any]]
    silent: list[dict[str, Any]]
    other: list[dict[str, Any]]
    rivals: bool

    @property
    def candidates(self) -> tuple[str, ...]:
        """Kling's ids of all of them."""
        return tuple(_id(row) for row in (*self.same, *self.silent, *self.other))

    def found(self, *, certain: bool) -> dict[str, Any] | None:
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
    rows: Sequence[dict[str, Any]], known: Collection[str], claims: Claims, attempt: Attempt
) -> Likeness:
    """The tasks of a list that are neither `known` from before nor made by another request."""
    fresh = [row for row in rows if _id(row) not in known and _id(row) not in claims.made]
    like = Likeness([], [], [], _has_rivals(claims, attempt))
    readable = any(
        claims.made.get(_id(row)) and _source(row) == claims.made[_id(row)] for row in rows
    )
    ours = {word for word in (attempt.source_video, attempt.source_url) if word}
    for row in fresh:
        if ours & set(_words({name: row[name] for name in row if name != "task_result"})):
            like.same.append(row)
        elif not _source(row) or not attempt.source_video:
            like.silent.append(row)
        elif not readable:
            like.other.append(row)
    return like


def _has_rivals(claims: Claims, attempt: Attempt) -> bool:
    """Whether the task of another request could look like ours."""
    mine = attempt.source_video
    return any(None in (mine, theirs) or mine == theirs for theirs in claims.rivals)


def _id(row: dict[str, Any]) -> str:
    return str(row.get("task_id"))


def _source(row: dict[str, Any]) -> str:
    """The id of the video that a task was made of, empty when it names none."""
    parent: object = Answer(row).info.get("parent_video")
    return text(cast("dict[str, Any]", parent), "id") if isinstance(parent, dict) else ""


def _words(value: Any) -> Iterator[str]:
    """Every text and number in an answer."""
    if isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _words(inner)
    elif isinstance(value, (str, int)):
        yield str(value)
