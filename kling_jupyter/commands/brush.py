"""`%kling brush photo.jpg`, or `{variable}`: the motion brush on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.cli.arguments import Parser, UsageProblem
from kling_jupyter import grammar
from kling_jupyter.commands.base import Line
from kling_jupyter.commands.given import given, keep

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio
    from kling_jupyter.widgets.motion_brush import MotionBrush

__all__ = ["run"]


def run(studio: Studio, line: Line) -> MotionBrush:
    """The brush; its `fields()` go into image-to-video, and so does `--image {brush}`."""
    from kling_jupyter.widgets.motion_brush import MotionBrush

    def add(made: Parser) -> None:
        made.add_argument("image", metavar="PHOTO", nargs="?", help="a path, or {variable}")
        made.add_argument("--name", metavar="VAR", help="variable for the brush")

    typed = grammar.flags(add, "brush", line.rest)
    if typed.image is None:
        raise UsageProblem("name a picture", fix="%kling brush photo.jpg, or {variable}")
    return keep(studio, typed.name, MotionBrush(given(typed.image, line.names)))
