"""Fields and pieces that several endpoints share, and the spellings we accept for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kling_core.declare.fields import Part, param
from kling_core.rules.rules import Check
from kling_core.text import blank

if TYPE_CHECKING:
    import os
    from datetime import datetime
    from pathlib import Path
    from typing import IO, Protocol

    import numpy as np
    import PIL.Image

    class Made(Protocol):
        """What an earlier task made, as `kling_core.Output` says it: it may be an input in turn."""

        @property
        def kind(self) -> str: ...
        @property
        def url(self) -> str: ...
        @property
        def path(self) -> Path | None: ...
        @property
        def expires_at(self) -> datetime | None: ...

    MediaInput = (
        str
        | os.PathLike[str]
        | bytes
        | bytearray
        | memoryview
        | IO[bytes]
        | PIL.Image.Image
        | np.ndarray[Any, Any]
        | Made
    )
    """A path, bytes, an open file, a PIL image, a numpy array, a URL, or a previous output."""
else:
    MediaInput = Any

VideoRatio = Literal["16:9", "9:16", "1:1"]
ImageRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]
Mode = Literal["std", "pro", "4k"]
Switch = Literal["on", "off"]

PROMPT_MAX = 2500
SIDE_MAX = 65536
"""The longest side of any image that Kling takes, in pixels."""
Problems = list[tuple[str, str, str]]


# --- spellings -----------------------------------------------------------------------------


def seconds(value: Any) -> Any:
    """Whole seconds as the wire wants them: 5, 5.0, "5", "5s" and a table's "5.0" become "5"."""
    if isinstance(value, bool):
        raise ValueError("duration is a number of seconds")
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    if isinstance(value, str):
        number = re.fullmatch(r"(\d+)(?:\.0+)?\s*s?", value.strip())
        if number is not None:
            return str(int(number[1]))
    raise ValueError(f"{value!r} is not a whole number of seconds")


def web_address(value: Any) -> Any:
    """A URL that Kling can call."""
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} has no http:// or https:// in front")
    return value


def switch(value: Any) -> Any:
    """True and False become "on" and "off"."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def camera(value: Any) -> Any:
    """`zoom=5`, `down_back`, `{"zoom": 5}` and the documented object all become the object."""
    if isinstance(value, str):
        name, equals, number = value.partition("=")
        if not equals:
            return {"type": name.strip()}
        value = {name.strip(): _number(number)}
    control: Any = value.given if isinstance(value, Part) else value
    if not isinstance(control, Mapping):
        return control
    move: dict[str, Any] = {**control}
    if not {"type", "config"} & set(move):
        move = {"type": "simple", "config": move}
    config: Any = move.get("config")
    if isinstance(config, Part):
        config = config.given
    if isinstance(config, Mapping):
        move = {"type": "simple", **move, "config": {**dict.fromkeys(AXES, 0), **config}}
    return move


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number; write for example zoom=5") from None


def wrapped(key: str) -> Any:
    """A parser: plain ids and numbers in a list become objects with one `key`."""

    def parse(value: Any) -> Any:
        if isinstance(value, (str, int, float)):
            value = [value]
        if not isinstance(value, Sequence):
            return value
        given: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        full: list[Any] = [{key: v} if isinstance(v, (str, int, float)) else v for v in given]
        if {key: ""} in full:
            raise ValueError(f"one {key} is empty")
        return full

    return parse


def shots(value: Any) -> Any:
    """Shots without an `index` are numbered by their place, from 1."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return value
    plain: list[Any] = [s.given if isinstance(s, Part) else s for s in value]  # pyright: ignore[reportUnknownVariableType]
    return [
        {"index": number, **shot} if isinstance(shot, Mapping) else shot
        for number, shot in enumerate(plain, 1)
    ]


def watermark(value: Any) -> Any:
    """True and False become the documented object."""
    return {"enabled": value} if isinstance(value, bool) else value


_NOT_IN_PATHS = "/\\%;"
"""Servers and proxies differ in how they take these from a path, even when they are escaped."""


def own_id(value: Any) -> Any:
    """An id under which the task can be looked up: it is the last piece of a path then."""
    if not isinstance(value, str):
        return value
    if value.strip() != value or not value:
        raise ValueError("is blank, or begins or ends with a blank: it could not be looked up")
    if value in (".", ".."):
        raise ValueError(f"{value!r} is another place in a path: it could not be looked up")
    if wrong := [c for c in value if c in _NOT_IN_PATHS or not c.isprintable()]:
        raise ValueError(f"contains {wrong[0]!r}: it could not be looked up")
    return value


# --- pieces --------------------------------------------------------------------------------

AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
_AXIS: dict[str, Any] = {"default": None, "ge": -10, "le": 10}


class CameraConfig(Part):
    """The simple camera move: exactly one of six values is not 0."""

    one_only = True

    horizontal: float | None = param(doc="Shift left (minus) or right (plus).", **_AXIS)
    vertical: float | None = param(doc="Shift down (minus) or up (plus).", **_AXIS)
    pan: float | None = param(doc="Turn left (minus) or right (plus).", **_AXIS)
    tilt: float | None = param(doc="Turn down (minus) or up (plus).", **_AXIS)
    roll: float | None = param(doc="Roll counter-clockwise (minus) or clockwise.", **_AXIS)
    zoom: float | None = param(doc="Narrower view (minus) or wider view (plus).", **_AXIS)


class CameraControl(Part):
    """A camera move: a fixed one by its type, or `simple` with one value in `config`."""

    type: Literal[
        "simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"
    ] = param(doc="The move; `simple` needs `config`, the others take none.")
    config: CameraConfig | Mapping[str, float] | None = param(
        default=None, doc="The one value of a simple move.", of=CameraConfig
    )


class Shot(Part):
    """One shot of a multi-shot video."""

    index: int | None = param(default=None, doc="Number of the shot, from 1.", ge=1, le=6)
    prompt: str = param(doc="What this shot shows.", max_length=512)
    duration: int | str = param(doc="Length of the shot.", of=str, parse=seconds, unit="seconds")


class Point(Part):
    """A point on the image; the origin is its bottom-left corner."""

    x: int = param(doc="Pixels from the left edge.", ge=0, le=SIDE_MAX, unit="pixels")
    y: int = param(doc="Pixels from the bottom edge.", ge=0, le=SIDE_MAX, unit="pixels")


class DynamicMask(Part):
    """A region of the image and the path along which it moves."""

    mask: MediaInput = param(doc="Mask image, same ratio as `image`.", media="mask", of=Any)
    trajectories: Sequence[Point | Mapping[str, int]] = param(
        doc="Path of the region: 2 to 77 points; two make a straight line.",
        of=list[Point],
        min_items=2,
        max_items=77,
        unit="pixels",
    )


class ElementRef(Part):
    """A reference to an element of the account."""

    element_id: int = param(
        doc="The element's id, an integer of up to 18 digits.",
        id_of="element",
        ge=1,
        le=10**18 - 1,
    )


class VoiceRef(Part):
    """A reference to a voice for video generation (not a lip-sync voice)."""

    voice_id: str = param(doc="The voice's id.", id_of="voice")


class WatermarkInfo(Part):
    """Whether a watermarked copy is made as well."""

    enabled: bool = param(doc="True adds `watermark_url` to each result.")


# --- fields --------------------------------------------------------------------------------


def prompt_param(doc: str, *, default: Any = None, **facts: Any) -> Any:
    """The prompt, at most 2,500 characters."""
    return param(default=default, doc=doc, max_length=PROMPT_MAX, unit="characters", **facts)


def negative_prompt_param(**facts: Any) -> Any:
    """What the result should not show."""
    doc = "What to keep out of the picture. Kling advises negative wording in the prompt instead."
    return param(
        default=None, doc=doc, max_length=PROMPT_MAX, unit="characters", rare=True, **facts
    )


def model_param(**facts: Any) -> Any:
    """The model; a live default is chosen from the catalog and always sent."""
    doc = "Model to use, see `kling models`. Names that we do not know pass with a warning."
    return param(default=None, doc=doc, choices="models", **facts)


def mode_param(doc: str = "Quality: std (720p), pro (1080p), 4k where the model has it.") -> Any:
    """Quality mode; models without modes take none."""
    return param(default="std", doc=doc)


def duration_param(doc: str = "Length of the clip; which lengths, the model decides.") -> Any:
    """Length in whole seconds; 5 and "5" mean the same."""
    return param(
        default="5", doc=doc, of=str, parse=seconds, unit="seconds", short="d", choices="lengths"
    )


def cfg_scale_param(**facts: Any) -> Any:
    """How closely the prompt is followed."""
    doc = "How closely to follow the prompt: 0 free, 1 strict. Not for kling-v2 models."
    return param(default=None, api_default=0.5, doc=doc, ge=0, le=1, rare=True, **facts)


def sound_param() -> Any:
    """Whether the clip gets generated sound."""
    doc = "Generate sound with the video; costs more."
    return param(default="off", doc=doc, of=Switch, parse=switch)


def camera_param(doc: str) -> Any:
    """A camera move."""
    return param(
        default=None, doc=doc, of=CameraControl, parse=camera, placeholder="MOVE", rare=True
    )


def external_task_id_param() -> Any:
    """Our own id of the task."""
    doc = "Your own id of the task, unique in the account; one is made when you give none."
    return param(default=None, doc=doc, placeholder="ID", parse=own_id)


def callback_url_param() -> Any:
    """Where Kling reports status changes."""
    doc = "URL that Kling calls when the status changes."
    return param(default=None, doc=doc, parse=web_address)


def watermark_param() -> Any:
    """Whether to make a watermarked copy as well."""
    doc = "Also make a watermarked copy."
    return param(default=None, doc=doc, of=WatermarkInfo, parse=watermark, rare=True)


# --- rules ---------------------------------------------------------------------------------


def _one_camera_value(fields: Mapping[str, Any]) -> Problems:
    control = fields.get("camera_control")
    if not control:
        return []
    values: dict[str, float] = control.get("config") or {}
    config = {k: v for k, v in values.items() if v}
    if control["type"] != "simple":
        if config:
            message = f"{control['type']} is a fixed move and takes no values"
            return [("camera_control", message, f"camera_control={control['type']!r}")]
        return []
    if len(config) == 1:
        return []
    used = " and ".join(f"{k}={v:g}" for k, v in config.items()) or "none"
    message = f"a simple camera move has exactly one value that is not 0; you gave {used}"
    return [("camera_control", message, "one of " + ", ".join(AXES) + ", such as zoom=5")]


def _shots_fit(fields: Mapping[str, Any]) -> Problems:
    shots = fields.get("multi_prompt")
    if not shots or fields.get("multi_shot") is not True:
        return []
    lengths = [int(shot["duration"]) for shot in shots]
    problems: Problems = []
    if any(blank(shot["prompt"]) for shot in shots):
        problems.append(("multi_prompt", "each shot needs a prompt", ""))
    if min(lengths) < 1:
        problems.append(("multi_prompt", "each shot lasts at least 1 second", ""))
    total, duration = sum(lengths), fields.get("duration")
    if duration is not None and total != int(duration):
        message = f"the shots last {total} seconds together, the clip {duration}"
        problems.append(("multi_prompt", message, f"duration={total}"))
    return problems


CAMERA_SOURCE = "Kling API reference, camera_control (2026-03)"
SHOTS_SOURCE = "Kling API reference, multi_prompt (2026-03)"
ONE_CAMERA_VALUE = Check(fields=("camera_control",), test=_one_camera_value, source=CAMERA_SOURCE)
SHOTS_FIT = Check(
    fields=("multi_prompt", "duration", "multi_shot"), test=_shots_fit, source=SHOTS_SOURCE
)
