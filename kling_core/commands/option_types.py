"""What the values of options may be, on the command line and in a notebook."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation

__all__ = ["OUT", "count", "dollars", "seconds"]

OUT = "where the files go [default kling_outputs/PROJECT/DATE]"
"""Help of the option --out."""


def seconds(text: str) -> float:
    """An option's value: seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def dollars(text: str) -> Decimal:
    """An option's value: an amount in US dollars."""
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in US dollars, such as 0.50")
    return amount


def count(text: str) -> int:
    """An option's value: a whole number, 0 or above."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
