"""`%kling brush photo.jpg`, or `{variable}`: the motion brush on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import Parser, UsageProblem
from kling_jupyter import named_tasks
from kling_jupyter.commands.base import Line, keep
from kling_jupyter.parsing import grammar, variables

if TYPE_CHECKING:
    from kling_jupyter.widgets.motion_brush import MotionBrush
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument(
        "--name",
        type=variables.usable,
        metavar="VAR",
        help="variable for the brush [default _brush]",
    )
    made.words, made.usage = "image", "%%kling brush PHOTO [options], a path or {variable}"


def run(workspace: Workspace, line: Line) -> MotionBrush:
    """The brush; its `fields()` go into image-to-video, and so does `--image {brush}`."""
    from kling_jupyter.widgets.motion_brush import MotionBrush

    typed = grammar.flags(options, "brush", line.rest)
    image = getattr(typed, "image", None)
    if image is None:
        raise UsageProblem("name a picture", fix="%kling brush photo.jpg, or {variable}")
    return keep(
        workspace, typed.name or "_brush", MotionBrush(named_tasks.value(image, line.names))
    )
