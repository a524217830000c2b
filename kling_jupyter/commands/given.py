"""Pictures that are named on a command's line, and variables for the widgets made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kling_core.cli.arguments import UsageProblem
from kling_jupyter import variables

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["given", "keep"]


class _Named(Protocol):
    def known_as(self, variable: str) -> None: ...


T = TypeVar("T", bound=_Named)


def given(word: str, names: Mapping[str, Any]) -> Any:
    """The object of a whole `{variable}`, or the word itself. Raises `UsageProblem`."""
    expression = variables.whole(word)
    if expression is None:
        return word
    try:
        return variables.lookup(expression, names)
    except variables.Missing as error:
        raise UsageProblem(
            f"{{{expression}}}: {error}", fix="Run the cell that makes it first."
        ) from None


def keep(studio: Studio, name: str, widget: T) -> T:
    """Put the widget into the variable, and let it say so."""
    studio.shell.user_ns[name] = widget
    widget.known_as(name)
    return widget
