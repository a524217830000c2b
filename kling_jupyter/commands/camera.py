"""`%kling camera`: a camera move by sliders, with a preview; on a picture if one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.commands.arguments import Parser, UsageProblem
from kling_jupyter import named_tasks
from kling_jupyter.commands.base import Line, endpoint_of, keep
from kling_jupyter.parsing import grammar, variables

if TYPE_CHECKING:
    from kling_jupyter.widgets.camera import Camera
    from kling_jupyter.workspace import Workspace

__all__ = ["options", "run"]


def options(made: Parser) -> None:
    """Add the options of this command."""
    made.add_argument("--for", dest="endpoint", metavar="ENDPOINT", help="such as i2v")
    made.add_argument("--move", metavar="MOVE", help="where to begin, such as zoom=5")
    made.add_argument(
        "--name",
        type=variables.usable,
        metavar="VAR",
        help="variable for the camera [default _camera]",
    )
    made.words, made.usage = "image", "%%kling camera [PHOTO] [options]"


def run(workspace: Workspace, line: Line) -> Camera:
    """The camera; its `fields()` go into a request, and so does `--camera-control {camera}`."""
    from kling_jupyter.widgets.camera import Camera

    typed = grammar.flags(options, "camera", line.rest)
    word = getattr(typed, "image", None)
    image = named_tasks.value(word, line.names) if word is not None else None
    endpoint = endpoint_of(typed.endpoint).name if typed.endpoint else None
    try:
        made = Camera(image, endpoint=endpoint, move=typed.move)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
    return keep(workspace, typed.name or "_camera", made)
