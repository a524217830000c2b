"""Values as programs and tables hold them, made plain: numpy, pandas, decimals, enumerations."""

from __future__ import annotations

from enum import Enum
from typing import Any, cast

__all__ = ["as_id", "plain"]

_PLAIN = frozenset({str, int, bool, bytes, type(None)})

_EXACT = 2**53
"""From here on a float has not a digit for each of a whole number."""


def plain(value: Any) -> Any:
    """The value as Python's own types have it; None for an empty cell of a table.

    What is no scalar, list or mapping of scalars stays as it is: media, arrays of pixels, pieces of
    a request. Neither numpy nor pandas is imported.
    """
    kind = type(cast("object", value))
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if value == value else None  # noqa: PLR0124 - NaN is what is not itself
    if kind in (list, tuple):
        return _all(value)
    if kind is dict:
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, Enum):
        return plain(value.value)
    package, names = kind.__module__.partition(".")[0], {base.__name__ for base in kind.__mro__}
    if package in ("decimal", "fractions"):
        return _number(value)
    if package == "numpy":
        return _of_numpy(value, names)
    if package == "pandas":
        return _of_pandas(value, names)
    return plain(value.as_py()) if package == "pyarrow" and hasattr(value, "as_py") else value


def as_id(value: Any) -> Any:
    """An id as text, when it is given as a whole number.

    Raises `ValueError` for a float that has lost digits: a column of ids with an empty cell in it
    is one of floats.
    """
    value = plain(value)
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT:
            raise ValueError(
                f"{value!r} is a number that has lost digits of the id: read the column as text "
                "(dtype=str)"
            )
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _all(value: Any) -> Any:
    """The list or tuple itself where nothing in it changes."""
    made = [plain(inner) for inner in value]
    if all(new is old for new, old in zip(made, value, strict=True)):
        return value
    return made if isinstance(value, list) else tuple(made)


def _number(value: Any) -> int | float | None:
    if value != value:  # noqa: PLR0124
        return None
    return int(value) if value == value // 1 else float(value)


def _of_numpy(value: Any, names: set[str]) -> Any:
    if "generic" in names or ("ndarray" in names and value.ndim == 0):
        # `item` of dates finer than microseconds is a number, so they go by their own text.
        return plain(value.item()) if value.dtype.kind not in "mM" else _date(value)
    if "ndarray" in names and value.ndim == 1 and value.dtype.kind in "UOT":
        return plain(value.tolist())
    return value


def _date(value: Any) -> str | None:
    text = str(value)
    return None if text == "NaT" else text


def _of_pandas(value: Any, names: set[str]) -> Any:
    if names & {"NAType", "NaTType"}:
        return None
    if names & {"Series", "Index", "ExtensionArray", "Categorical"}:
        return plain(value.tolist())
    return value
