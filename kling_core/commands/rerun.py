"""A recorded request, to be given again as it was or with changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from kling_core.commands import arguments
from kling_core.flows.sources import sourced

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.ledger.records import Row

__all__ = ["again"]


def again(
    kling: Kling, row: Row, changes: Sequence[str], *, without: Collection[str] = ()
) -> Request:
    """The recorded request with the changes `field=value`; `field=` takes a field out.

    The fields in `without` are left out, for whoever has values of their own for them.

    It gets an id of its own. Raises `NotReplayable` when media was given as bytes or has changed,
    unless it is among the changes; and `UsageProblem` for a change that cannot be read.
    """
    from kling_core.declare import registry
    from kling_core.flows.recorded_request import replay

    endpoint = registry.load(row.endpoint)
    changed = _changes(endpoint, changes)
    fields = replay(row, leave_out={*changed, *without, "external_task_id"})
    fields.update({name: value for name, value in changed.items() if value is not None})
    return sourced(kling.session, endpoint.request(**fields))


def _changes(endpoint: Endpoint, changes: Sequence[str]) -> dict[str, Any]:
    """The changed fields, read as options of the endpoint; None for one that is taken out."""
    parser = arguments.build(endpoint, prog=f"rerun --set, {endpoint.command}")
    argv: list[str] = []
    removed: list[str] = []
    for change in changes:
        name, equals, value = change.partition("=")
        field = name.strip().removeprefix("--").replace("-", "_")
        if not equals or not field:
            raise arguments.UsageProblem(
                f"--set {change!r} is not field=value",
                fix='Write --set duration=10, or prompt="…".',
            )
        if value:
            argv.append(f"--{field}={value}")
        else:
            removed.append(field)
    found = arguments.fields(endpoint, arguments.parse(parser, argv))
    return {**dict.fromkeys(removed), **found}
