"""What can stop a rendering: an input that is not media, or a task that nobody wants any more."""

from __future__ import annotations

__all__ = ["BadMedia", "Cancelled", "never"]


class BadMedia(Exception):
    """An input image, sound or video cannot be decoded; the text says which and why."""


class Cancelled(Exception):
    """The `cancelled` callable answered true between two frames; no file was left behind."""


def never() -> bool:
    """The default for `cancelled`: the rendering is always wanted."""
    return False
