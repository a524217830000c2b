"""Kling in notebooks: `%load_ext kling_jupyter`, then `%kling help`.

The magics are a front end: arguments go in, `kling_core` does the work, outputs are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.task import Task
    from kling_jupyter.html.gallery import Gallery
    from kling_jupyter.widgets.camera import Camera
    from kling_jupyter.widgets.card import Card
    from kling_jupyter.widgets.form import KlingForm
    from kling_jupyter.widgets.motion_brush import MotionBrush

__all__ = [
    "camera",
    "card",
    "form",
    "gallery",
    "load_ipython_extension",
    "motion_brush",
    "unload_ipython_extension",
]


def form(endpoint: str, **fields: Any) -> KlingForm:
    """The form of an endpoint as a widget, with some fields filled in; marimo shows it too.

    `form("text_to_video", prompt="the sea")`. What it makes is in its `job`. Raises
    `UnknownEndpoint`.
    """
    from kling_jupyter.widgets.form import KlingForm

    return KlingForm(endpoint, **fields)


def card(task: Task) -> Card:
    """A widget that follows a task live and plays what it made; marimo shows it too.

    Its files are fetched to where downloads of its client go.
    """
    from kling_jupyter.commands import cell

    return cell.watch(task)


def gallery(kling: Kling, words: str = "", **chosen: Any) -> Gallery:
    """The tasks of a client's ledger as a page of posters; marimo shows it too. See `Gallery`."""
    from kling_jupyter.html.gallery import Gallery

    return Gallery(kling, words, **chosen)


def motion_brush(image: Any, **masks: Any) -> MotionBrush:
    """A widget to draw on a picture what stays still and what moves; see `MotionBrush`."""
    from kling_jupyter.widgets.motion_brush import MotionBrush

    return MotionBrush(image, **masks)


def camera(image: Any = None, **settings: Any) -> Camera:
    """A widget to choose a camera move, shown on the picture if there is one; see `Camera`."""
    from kling_jupyter.widgets.camera import Camera

    return Camera(image, **settings)


def load_ipython_extension(shell: Any) -> None:
    """Give the shell `%kling` and `%%kling`; loading again changes nothing."""
    from kling_jupyter import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%kling` away again; tasks go on at Kling."""
    from kling_jupyter import magics

    magics.unload(shell)
