"""The calls of one endpoint: create, get, list, iterate, run, quote, check.

Everything is derived from the endpoint's declaration. `resources.pyi` holds the same with each
endpoint's fields spelled out for type checkers; `make generate` writes it, and a test compares it
with the declarations.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from kling_core.config import project_name
from kling_core.declare import registry
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.declare.plain_values import as_id, plain
from kling_core.editions.base import FIRST
from kling_core.errors import InvalidRequest, TaskNotFound, Violation
from kling_core.flows import read, wait
from kling_core.flows.download import must_be_writable
from kling_core.flows.sources import sourced

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_core.declare.fields import Param
    from kling_core.editions.base import Page
    from kling_core.editions.task_facts import TaskFacts
    from kling_core.flows.runner import AsyncRunner, Runner
    from kling_core.flows.session import Session
    from kling_core.rules.price import Quote
    from kling_core.task import AsyncTask, Task
    from kling_core.wire.effects import Flow


class BaseResource:
    """What both clients share: everything that needs no network."""

    endpoint: Endpoint

    def __init__(self, owner: Runner[Task] | AsyncRunner[AsyncTask], endpoint: Endpoint) -> None:
        self._owner = owner
        self.endpoint = endpoint
        self.__doc__ = f"{endpoint.summary} ({endpoint.source})"

    def request(self, **fields: Any) -> Request:
        """The typed request of these fields; see `Request.check`. Sends nothing."""
        return self.endpoint.request(**fields)

    def check(self, **fields: Any) -> Check:
        """Judge the fields offline: every violation and warning at once."""
        from kling_core.flows.reach import unreachable

        request = self._sourced(fields)
        verdict = request.check()
        found = unreachable(self._owner.session, request)
        return replace(verdict, violations=(*verdict.violations, *found)) if found else verdict

    def quote(self, **fields: Any) -> Quote | None:
        """What it will cost by the dated price table; None when no price is known.

        Raises `InvalidRequest`.
        """
        return self._sourced(fields).quote()

    def _sourced(self, fields: dict[str, Any]) -> Request:
        return sourced(self._owner.session, self.request(**fields))

    def __getattr__(self, name: str) -> Any:
        """The further call with this name: `kling.elements.delete`."""
        step = None if name.startswith("_") else self.endpoint.step(name)
        if step is None:
            why = dict.fromkeys(_OF_TASKS, _AT_ONCE) | {"presets": _NO_PRESETS}
            raise AttributeError(f"{self!r} has no {name!r}{why.get(name, '')}")
        return getattr(self._owner, step.name)

    def __dir__(self) -> list[str]:
        own = f"{self.endpoint.name}_"
        absent = () if self.endpoint.has_tasks else _OF_TASKS
        absent = absent if self.endpoint.presets else (*absent, "presets")
        steps = [step.name.removeprefix(own) for step in self.endpoint.steps]
        return [*({*super().__dir__()} - {*absent}), *steps]

    def _presets(self, session: Session, page: int, size: int) -> Flow[Page]:
        page = whole("page", page, endpoint=self.endpoint.name)
        size = whole("size", size, endpoint=self.endpoint.name)
        return read.presets(session, self.endpoint, page, size)

    def _page(self, session: Session, page: int, size: int) -> Flow[Sequence[TaskFacts]]:
        page = whole("page", page, endpoint=self.endpoint.name)
        size = whole("size", size, endpoint=self.endpoint.name)
        return read.page(session, self.endpoint, page, size)

    def _part(self, session: Session, place: str, size: int) -> Flow[Page]:
        size = whole("size", size, endpoint=self.endpoint.name)
        return read.part(session, self.endpoint, place, size)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.endpoint.name}>"


class Resource(BaseResource):
    """One endpoint of the blocking client."""

    def __init__(self, client: Runner[Task], endpoint: Endpoint) -> None:
        super().__init__(client, endpoint)
        self._client = client

    def create(
        self,
        *,
        max_cost: Decimal | float | str | None = None,
        project: str | None = None,
        dedupe: float | None = None,
        **fields: Any,
    ) -> Task:
        """Check, quote and submit; returns the task at once.

        `max_cost` in US dollars refuses anything dearer, or of unknown price. `project` is what it
        belongs to, for folders and costs. `dedupe` in seconds: the task of an identical request is
        returned, and nothing is sent, while that has not ended, however old it is, and for so long
        after. Never pays twice: a lost answer is resolved by looking the task up.

        Raises `InvalidRequest`, `BudgetExceeded`, `APIError`, `Interrupted` or
        `SubmitOutcomeUnknown`.
        """
        return self._client.submit(
            self.request(**fields), max_cost=max_cost, project=project, dedupe=dedupe
        )

    def get(self, task_id: str | int) -> Task:
        """The task with this id or external id. Raises `TaskNotFound`."""
        flow = read.get(self._client.session, self.endpoint, id_of(task_id))
        data = self._client.run_flow(flow)
        return self._client.task(self.endpoint, data)

    def list(self, page: int = 1, size: int = 30) -> list[Task]:
        """One page of the account's tasks; `page` 1 to 1000, `size` 1 to 500.

        Kling promises no order and tells no total.
        """
        rows = self._client.run_flow(self._page(self._client.session, page, size))
        return [self._client.task(self.endpoint, row) for row in rows]

    def presets(self, page: int = 1, size: int = 30) -> list[Task]:
        """One page of what the service offers to everybody, each as the task that made it."""
        found = self._client.run_flow(self._presets(self._client.session, page, size))
        return [self._client.task(self.endpoint, facts) for facts in found.tasks]

    def iterate(self, size: int = 100) -> Iterator[Task]:
        """Every task of the account at this endpoint, page by page, each once."""
        seen: set[str] = set()
        place = FIRST
        for _ in range(1000):
            page = self._client.run_flow(self._part(self._client.session, place, size))
            for facts in page.tasks:
                if facts.task_id not in seen:
                    seen.add(facts.task_id)
                    yield self._client.task(self.endpoint, facts)
            if page.following is None:
                return
            place = page.following

    def run(
        self,
        *,
        out: str | Path | None = None,
        timeout: float | None = None,
        on_update: Callable[[Task], Any] | None = None,
        max_cost: Decimal | float | str | None = None,
        project: str | None = None,
        dedupe: float | None = None,
        **fields: Any,
    ) -> Task:
        """Create, wait and download every output to `out`; returns the finished task.

        The files are at `task.videos[0].path` and so on. `timeout` in seconds.

        Raises what `create`, `Task.wait` and `download` raise.
        """
        request = self.request(**fields)
        request.require()
        _prepare(self._client.session, out, project, timeout, on_update)
        task = self._client.submit(request, max_cost=max_cost, project=project, dedupe=dedupe)
        task.wait(timeout, on_update)
        for output in task.files:
            output.download(out)
        return task


class AsyncResource(BaseResource):
    """One endpoint of the awaiting client."""

    def __init__(self, client: AsyncRunner[AsyncTask], endpoint: Endpoint) -> None:
        super().__init__(client, endpoint)
        self._client = client

    async def create(
        self,
        *,
        max_cost: Decimal | float | str | None = None,
        project: str | None = None,
        dedupe: float | None = None,
        **fields: Any,
    ) -> AsyncTask:
        """Check, quote and submit, see `Resource.create`; uploads are read, awaiting them."""
        fields = await _awaited(fields)
        return await self._client.submit(
            self.request(**fields), max_cost=max_cost, project=project, dedupe=dedupe
        )

    async def get(self, task_id: str | int) -> AsyncTask:
        """The task with this id or external id. Raises `TaskNotFound`."""
        flow = read.get(self._client.session, self.endpoint, id_of(task_id))
        data = await self._client.run_flow(flow)
        return self._client.task(self.endpoint, data)

    async def list(self, page: int = 1, size: int = 30) -> list[AsyncTask]:
        """One page of the account's tasks, see `Resource.list`."""
        rows = await self._client.run_flow(self._page(self._client.session, page, size))
        return [self._client.task(self.endpoint, row) for row in rows]

    async def presets(self, page: int = 1, size: int = 30) -> list[AsyncTask]:
        """One page of what the service offers to everybody, see `Resource.presets`."""
        found = await self._client.run_flow(self._presets(self._client.session, page, size))
        return [self._client.task(self.endpoint, facts) for facts in found.tasks]

    async def iterate(self, size: int = 100) -> AsyncIterator[AsyncTask]:
        """Every task of the account at this endpoint, page by page, each once."""
        seen: set[str] = set()
        place = FIRST
        for _ in range(1000):
            page = await self._client.run_flow(self._part(self._client.session, place, size))
            for facts in page.tasks:
                if facts.task_id not in seen:
                    seen.add(facts.task_id)
                    yield self._client.task(self.endpoint, facts)
            if page.following is None:
                return
            place = page.following

    async def run(
        self,
        *,
        out: str | Path | None = None,
        timeout: float | None = None,
        on_update: Callable[[AsyncTask], Any] | None = None,
        max_cost: Decimal | float | str | None = None,
        project: str | None = None,
        dedupe: float | None = None,
        **fields: Any,
    ) -> AsyncTask:
        """Create, wait and download, see `Resource.run`."""
        fields = await _awaited(fields)
        request = self.request(**fields)
        request.require()
        _prepare(self._client.session, out, project, timeout, on_update)
        task = await self._client.submit(request, max_cost=max_cost, project=project, dedupe=dedupe)
        await task.wait(timeout, on_update)
        for output in task.files:
            await output.download(out)
        return task


async def _awaited(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with the bytes of what is read by awaiting, as uploads of web frameworks are."""

    async def one(value: Any) -> Any:
        return (
            await value.read()
            if inspect.iscoroutinefunction(getattr(value, "read", None))
            else value
        )

    async def each(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return await one(value)
        return [await one(entry) for entry in cast("list[Any]", value)]

    return {name: await each(value) for name, value in fields.items()}


def _prepare(
    session: Session, out: str | Path | None, project: Any, timeout: Any, on_update: Any
) -> None:
    """Find what would stop `run` after it has paid."""
    wait.judge(timeout, on_update)
    if out is None:
        below = project_name(session.settings.project if project is None else project)
        out = f"{session.output_dir / below}/"
    must_be_writable(out)


def id_of(task_id: Any) -> str:
    """An id as text, also where a table holds it as a number; raises `TaskNotFound` otherwise."""
    try:
        known = as_id(task_id)
    except ValueError as error:
        raise TaskNotFound(f"{task_id!r} is not a task id", fix=str(error)) from None
    if not isinstance(known, str):
        raise TaskNotFound(
            f"{task_id!r} is not a task id", fix="Give the id as text, as Kling and the ledger do."
        )
    return known


def whole(name: str, value: Any, *, endpoint: str = "") -> int:
    """A whole number, 0 or more, as Python has it; raises `InvalidRequest` for anything else."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        wrong = Violation(name, f"{value!r} is not a whole number", "30")
        raise InvalidRequest([wrong], endpoint=endpoint)
    return value


def limit(max_cost: Decimal | float | str | None) -> Decimal | None:
    """A limit as exact money; raises `ConfigError` for anything but an amount."""
    from kling_core.config import money

    return money("max_cost", max_cost)


# --- one attribute an endpoint -------------------------------------------------------------

_TAKING_FIELDS = ("request", "check", "quote", "create", "run")


class SyncMethods:
    """Gives `Kling` its endpoints."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name, Resource)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *registry.names()]


class AsyncMethods:
    """Gives `AsyncKling` its endpoints."""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, name, AsyncResource)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *registry.names()]


def _attribute(client: Any, name: str, kind: type[Any]) -> Any:
    if name.startswith("_") or not registry.has(name):
        raise AttributeError(f"{type(client).__name__!r} object has no attribute {name!r}")
    endpoint = registry.load(name)
    resource = _documented(kind, endpoint)(client, endpoint)
    vars(client)[name] = resource
    return resource


@functools.cache
def _documented(kind: type[Any], endpoint: Endpoint) -> type[Any]:
    """The resource class with this endpoint's fields in signatures and docstrings."""
    members: dict[str, Any]
    members = {name: _Spelled(getattr(kind, name), endpoint) for name in _TAKING_FIELDS}
    members |= {} if endpoint.has_tasks else dict.fromkeys(_OF_TASKS, _ABSENT)
    members |= {} if endpoint.presets else {"presets": _ABSENT}
    if endpoint.name not in registry.names():  # a step is called by its own name
        members["__call__"] = _Spelled(kind.create, endpoint)
    return type(f"{endpoint.request.__name__}{kind.__name__}", (kind,), members)


_OF_TASKS = ("get", "list", "iterate")
_AT_ONCE = ": it answers at once, and Kling keeps nothing to ask for; kling.tasks has what it made"
_NO_PRESETS = ": nothing of it is offered to everybody"


class _Absent:
    """A call that an endpoint of this kind does not have; `__getattr__` says why."""

    def __get__(self, instance: BaseResource | None, owner: type) -> Any:
        raise AttributeError(owner.__name__)


_ABSENT = _Absent()


class _Spelled:
    """A method that is spelled out when it is first looked at; a `get` never pays for it."""

    def __init__(self, method: Any, endpoint: Endpoint) -> None:
        self._method, self._endpoint = method, endpoint

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        method = _spelled(self._method, self._endpoint)
        setattr(owner, self._name, method)
        return method if instance is None else method.__get__(instance, owner)


def _spelled(method: Any, endpoint: Endpoint) -> Any:
    copy = FunctionType(method.__code__, method.__globals__, method.__name__, method.__defaults__)
    copy.__kwdefaults__, copy.__qualname__ = method.__kwdefaults__, method.__qualname__
    plain = inspect.signature(method)
    own = [p for p in plain.parameters.values() if p.kind is not p.VAR_KEYWORD]
    fields = [
        inspect.Parameter(
            p.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if p.required else p.default,
            annotation=annotation,
        )
        for p, annotation in fields_of(endpoint)
    ]
    spelled = plain.replace(parameters=[own[0], *fields, *own[1:]])
    setattr(copy, "__signature__", spelled)  # noqa: B010, functions have no such attribute by type
    lines = [f"    {p.name}: {p.doc}{_unit(p.unit)}" for p, _ in fields_of(endpoint)]
    copy.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", "Fields:", *lines])
    return copy


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def fields_of(endpoint: Endpoint) -> list[tuple[Param, str]]:
    """The fields of an endpoint, each with its annotation as the declaration writes it."""
    notes: dict[str, str] = {}
    for base in reversed(endpoint.request.__mro__):
        notes.update(inspect.get_annotations(base) if "__annotations__" in vars(base) else {})
    return [(p, notes[name]) for name, p in endpoint.request.params().items()]
