"""What an edition of Kling's API is: how a request is written, asked for, found again and read.

An edition decides and does nothing: its methods return data, and the flows send what they say
(`kling_core.flows.read`). It is chosen by `kling_core.editions.choose`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from kling_core.declare.endpoint import Check, Endpoint
from kling_core.editions import task_facts
from kling_core.editions.task_facts import TaskFacts

__all__ = ["FIRST", "MODEL", "Ask", "Edition", "Find", "Page", "put", "take"]

FIRST = ""
"""The place of the first page of a list."""

MODEL = "{model}"
"""Stands for the model in a declared path."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the API, or the way of a create."""

    method: str
    path: str
    query: Mapping[str, object] | None = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """How a create whose answer was lost is looked for.

    `by` our own id, by comparing the list of tasks from before with the one from after, or not at
    all. `proves`: once the time of belief is over, "not found" means that nothing was made.
    `resend`: meanwhile it may be sent again, for a second request of the same own id is refused.
    """

    by: Literal["own_id", "list", "nothing"]
    proves: bool
    resend: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list of tasks.

    `following` is the place of the next one, None after the last. `whole`: this is the last one,
    and it could be read wholly, so that what no page has shown is not in the list.
    """

    tasks: Sequence[TaskFacts]
    following: str | None
    whole: bool


class Edition(ABC):
    """One edition of the API.

    `path` is where the create went, or goes: some editions ask for tasks below it.
    """

    name: ClassVar[str]
    own_id_place: ClassVar[str]
    """The dotted place of our own id in the body of a create."""
    callback_place: ClassVar[str]
    """The same of the callback's address."""
    ids_at_once: ClassVar[int]
    """How many tasks one question by ids can be about."""
    page_size: ClassVar[int]
    """Tasks on a page of a list, at most."""
    lists_account: ClassVar[bool]
    """Whether its list shows all tasks of the account, else those of one endpoint."""
    needs_api_key: ClassVar[bool]
    """Whether it takes an API key only, and no token signed by a key pair."""

    @abstractmethod
    def route(self, endpoint: Endpoint, model: str, *, path: str = "") -> Ask:
        """Method and path of the create; `path` replaces the declared one."""

    def declared(self, endpoint: Endpoint) -> str:
        """The path of its creates by this edition."""
        routes: Mapping[Any, str] = endpoint.routes
        return routes.get(self.name, endpoint.path)

    @abstractmethod
    def encode(
        self, endpoint: Endpoint, check: Check, *, own_id: str | None, callback: str | None = None
    ) -> dict[str, Any]:
        """The body of a create as plain data with `Media` leaves; never a null.

        The own id is written where the endpoint takes one, the callback's address where the
        request names none.
        """

    def find(self, endpoint: Endpoint, own_id: str | None) -> Find:
        """How the task of a create is looked for when its answer was lost.

        What answers at once is kept nowhere: nothing shows it, so nothing proves that it is not.
        """
        if endpoint.call == "answer":
            return Find("nothing", proves=False, resend=False)
        if own_id is None or not endpoint.external_task_id:
            return Find("list", proves=True, resend=False)
        return Find("own_id", proves=True, resend=True)

    # --- asking ----------------------------------------------------------------------------

    @abstractmethod
    def by_ids(self, path: str, task_ids: Sequence[str]) -> Ask:
        """The question for tasks by Kling's ids, `ids_at_once` at most."""

    @abstractmethod
    def by_own_id(self, path: str, own_id: str) -> Ask:
        """The question for the task of a request with this own id."""

    def by_name(self, path: str, name: str) -> Sequence[Ask]:
        """The questions for a task by what may be Kling's id or ours, in their order."""
        # All digits are Kling's, as far as is known; an own id may be made of digits, too.
        ways = (self.by_ids(path, [name]), self.by_own_id(path, name))
        return ways if name.isdecimal() else ways[::-1]

    @abstractmethod
    def page(self, path: str, place: str, size: int) -> Ask:
        """The question for a page of the list; its place is `FIRST`, or what the last one told."""

    def numbered(self, number: int) -> str | None:
        """The place of a page by its number, from 1; None where only the page before tells it."""
        del number
        return None

    # --- reading ---------------------------------------------------------------------------

    def facts(self, data: Mapping[str, Any]) -> TaskFacts:
        """What the server says of one task."""
        return task_facts.read(data)

    def accepted(self, envelope: Mapping[str, Any]) -> TaskFacts:
        """The task of a create that was accepted; what was said beside it is its message."""
        data, said = _one(envelope), task_facts.text(envelope, "message")
        if said and said.upper() not in _NOTHING_SAID:
            data = {**data, "message": said}
        return self.facts(data)

    def answered(self, endpoint: Endpoint, envelope: Mapping[str, Any], own: str) -> TaskFacts:
        """What a call that answers at once has made, told as a task that has ended.

        What such an answer leaves out is put beside its own words: our id where it names no task,
        the word for success, and the answer itself as the one output where it lists none. A
        `status` that is no word is a number, and only 0 is good (selections of elements).
        """
        said = {**_one(envelope)}
        result = {name: value for name, value in said.items() if name not in _ABOUT}
        if not self.facts(said).task_id:
            said["task_id"] = own
        if not self.facts(said).ended:
            said["task_status"] = "failed" if said.get("status") else "succeed"
        if not result and endpoint.deletes:
            result = said
        if result and not any(name in result for name in task_facts.RESULTS):
            kind = "data" if endpoint.makes in task_facts.FILES else endpoint.makes
            said["outputs"] = [{**result, "type": kind}]
        return self.facts(said)

    def one(self, envelope: Mapping[str, Any], name: str) -> TaskFacts | None:
        """The task that was asked for by this id; None when the server says that it has none.

        One without an id stands for an answer that says nothing of the task.
        """
        del name
        return self.facts(_one(envelope))

    def many(self, envelope: Mapping[str, Any]) -> list[TaskFacts]:
        """The tasks in an answer, bare or under `result`; none for anything else."""
        return [self.facts(row) for row in task_facts.objects(_rows(envelope))]

    @abstractmethod
    def listed(self, envelope: Mapping[str, Any], place: str, size: int) -> Page:
        """The page of a list, asked for with this place and size."""

    def readable(self, envelope: Mapping[str, Any], tasks: Sequence[TaskFacts]) -> bool:
        """Whether `tasks` are all rows of an answer, each with its id."""
        rows = _rows(envelope)
        return isinstance(rows, list) and len(cast("list[Any]", rows)) == sum(
            bool(task.task_id) for task in tasks
        )


_NOTHING_SAID = ("SUCCEED", "SUCCESS", "OK")

_ABOUT = frozenset(
    (
        *("task_id", "task_status", "task_status_msg", "task_info", "id", "status", "message"),
        *("created_at", "updated_at", "create_time", "update_time"),
        *("final_unit_deduction", "final_balance_deduction", "billing"),
    )
)
"""What an answer says of itself, beside what it is about."""


def _one(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object in `data`; a list of one is taken as that one; empty for anything else."""
    data: Any = envelope.get("data")
    if isinstance(data, list):
        data = next(iter(cast("list[Any]", data)), None)
    return task_facts.mapping(data)


def _rows(envelope: Mapping[str, Any]) -> Any:
    data: Any = envelope.get("data")
    return cast("dict[str, Any]", data).get("result") if isinstance(data, dict) else data


# --- places in a body ------------------------------------------------------------------------


def put(body: dict[str, Any], place: str, value: Any) -> None:
    """Write a value at a dotted place; objects on the way are made."""
    *outer, last = place.split(".")
    for key in outer:
        body = body.setdefault(key, {})
    body[last] = value


def take(body: dict[str, Any], place: str) -> Any:
    """Remove the value at a dotted place, with the object that it leaves empty; None without."""
    outer, _, inner = place.partition(".")
    if not inner:
        return body.pop(outer, None)
    nest = body.get(outer)
    if not isinstance(nest, dict):
        return None
    found = take(cast("dict[str, Any]", nest), inner)
    if not nest:
        del body[outer]
    return found
