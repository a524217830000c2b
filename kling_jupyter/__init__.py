"""Kling in notebooks: `%load_ext kling_jupyter`, then `%kling help`.

The magics are a front end: arguments go in, `kling_core` does the work, outputs are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_jupyter.widgets.camera import Camera
    from kling_jupyter.widgets.motion_brush import MotionBrush

__all__ = ["camera", "load_ipython_extension", "motion_brush", "unload_ipython_extension"]


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
