"""Which models can do it: the entries of the capability table that have a field's feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kling_core.declare import registry
from kling_core.rules import capability_table

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint

__all__ = ["Choice", "caution", "choices", "endpoint_with", "feature_of"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, mode and length that can do it."""

    model_name: str
    mode: str | None
    duration: int
    status: str

    @property
    def label(self) -> str:
        """As a list shows it: "kling-v1-5, pro, 5 s (retired)"."""
        parts = [self.model_name, *([self.mode] if self.mode else []), f"{self.duration} s"]
        note = "" if self.status == "active" else f" ({self.status})"
        return ", ".join(parts) + note

    @property
    def fields(self) -> dict[str, Any]:
        """The request fields that ask for it."""
        mode = {"mode": self.mode} if self.mode else {}
        return {"model_name": self.model_name, **mode, "duration": self.duration}


def choices(endpoint: Endpoint, field: str) -> tuple[Choice, ...]:
    """Every model, mode and length with which the endpoint takes the field; living ones first."""
    return tuple(
        Choice(
            cell.model.name,
            None if cell.mode == capability_table.NO_MODE else cell.mode,
            int(cell.duration),
            cell.model.status,
        )
        for cell in capability_table.offering(endpoint.name, feature_of(endpoint, field))
    )


def caution(offered: Sequence[Choice]) -> list[str]:
    """What to say when no living model is among the choices."""
    if any(choice.status != "retired" for choice in offered):
        return []
    return ["every model that can do this is retired: Kling may refuse it, the sandbox plays it"]


def feature_of(endpoint: Endpoint, field: str) -> str:
    """The feature that a request uses when it gives this field. Raises `LookupError`."""
    for feature, condition in endpoint.features.items():
        if field in condition.names and condition.holds({field: True}):
            return feature
    raise LookupError(f"{endpoint.command} has no {field}")


def endpoint_with(*fields: str, without: str = "") -> Endpoint:
    """The first endpoint that has all these fields, and not that one. Raises `LookupError`."""
    for endpoint in registry.endpoints():
        params = endpoint.request.params()
        if set(fields) <= set(params) and without not in params:
            return endpoint
    raise LookupError(f"no endpoint has the fields {', '.join(fields)}")
