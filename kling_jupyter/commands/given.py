"""Pictures that are named on a command's line, and variables that a command makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from kling_core.cli.arguments import UsageProblem
from kling_jupyter import variables

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["given", "keep"]

T = TypeVar("T")


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


def keep(studio: Studio, name: str | None, value: T) -> T:
    """Put the value into the variable, if one is named. Raises `UsageProblem`."""
    if name is not None and not name.isidentifier():
        raise UsageProblem(f"--name {name}: that cannot be the name of a variable")
    if name:
        studio.shell.user_ns[name] = value
    return value
