"""The motion brush: draw on a picture what stays still, and what moves along which path."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast

import traitlets

from kling_core.declare import shared_fields
from kling_core.errors import InvalidRequest, Violation
from kling_jupyter.widgets import masks
from kling_jupyter.widgets.backdrop import backdrop
from kling_jupyter.widgets.base import Widget, script, style
from kling_jupyter.widgets.models_with_feature import caution, choices, endpoint_with
from kling_jupyter.widgets.verdict import request_verdict

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request

__all__ = ["MotionBrush"]

_STILL = "still"
"""The id of the layer that stays where it is; the others are numbered."""


_NOTHING = {
    "errors": [],
    "warnings": ["paint what stays still, or add a region, paint it and give it a path"],
    "price": "",
}
"""The verdict on a picture that nothing is drawn on."""


class Layer(TypedDict):
    """One layer as it travels: packed bits, and the path in the API's pixel coordinates.

    The front end adds its colour and whether it is shown.
    """

    id: str
    points: list[list[int]]
    mask: bytes


def _from_front_end(value: Any, _: Any) -> dict[str, Any]:
    """A drawing whose masks, which arrive as views of a message, are bytes of our own."""
    drawing = cast("dict[str, Any]", value)
    layers = [{**layer, "mask": _octets(layer["mask"])} for layer in drawing["layers"]]
    return {**drawing, "layers": layers}


def _octets(value: Any) -> bytes:
    """The bytes of a view, or of the base64 text that marimo makes of one."""
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)


class MotionBrush(Widget):
    """A picture to draw on: an area that stays still, and regions that move along paths.

    `fields()` are the request fields for `kling.image_to_video.create(**brush.fields(), prompt=…)`;
    `{brush}` given to `%kling image-to-video --image` brings the same. Points are in pixels of the
    picture, the origin at its bottom-left corner.

        brush = kling_jupyter.motion_brush("photo.jpg")
        brush                                     # draw
        task = kling.image_to_video.create(**brush.fields(), prompt="the boat sails off")

    `static_mask` and `dynamic_masks` given here are loaded to be drawn on further. Raises
    `UsageProblem` for a picture that cannot be drawn on, `ValueError` for masks of another size.
    """

    _esm = script("motion_brush")
    _css = style("panel", "motion_brush")

    backdrop = traitlets.Dict().tag(sync=True)
    limits = traitlets.Dict().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    verdict = traitlets.Dict().tag(sync=True)
    usage = traitlets.Unicode().tag(sync=True)
    choice = traitlets.Int(0).tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True, from_json=_from_front_end, echo_update=False)

    def __init__(
        self,
        image: Any,
        *,
        static_mask: Any = None,
        dynamic_masks: Sequence[shared_fields.DynamicMask | Mapping[str, Any]] = (),
    ) -> None:
        self._endpoint = endpoint_with("image", "static_mask", "dynamic_masks")
        self._backdrop = backdrop(image)
        self._choices = choices(self._endpoint, "static_mask")
        layers = [self._layer(_STILL, static_mask)]
        for number, given in enumerate(dynamic_masks, 1):
            region = given.given if isinstance(given, shared_fields.DynamicMask) else given
            layers.append(self._layer(str(number), region["mask"], region["trajectories"]))
        super().__init__(
            backdrop=self._backdrop.as_trait(),
            limits=self._limits(),
            choices=[choice.label for choice in self._choices],
            drawing={"layers": layers, "number": 0},
        )
        self.known_as("brush")
        self.observe(self._judge, ["drawing", "choice"])
        self._judge()

    @property
    def static_mask(self) -> bytes | None:
        """The PNG of what stays still, of the picture's size; None when nothing is painted."""
        layer = self._layers[0]
        return None if self._is_blank(layer) else self._png(layer)

    @property
    def dynamic_masks(self) -> list[dict[str, Any]]:
        """The regions that move: `mask`, a PNG of the picture's size, and `trajectories`.

        A region without paint and path is left out; see `fields` for one that lacks either.
        """
        return [
            {
                "mask": self._png(layer),
                "trajectories": [{"x": x, "y": y} for x, y in layer["points"]],
            }
            for layer in self._regions
        ]

    def fields(self) -> dict[str, Any]:
        """The request fields: the picture, the masks, and the chosen model, mode and length.

        Raises `InvalidRequest` when a region has a path and nothing painted.
        """
        empty = [
            Violation(
                f"dynamic_masks.{place}.mask",
                "has a path, and nothing is painted",
                "the brush on it, or delete it",
            )
            for place, layer in enumerate(self._regions)
            if self._is_blank(layer)
        ]
        if empty:
            raise InvalidRequest(empty, endpoint=self._endpoint.name)
        still, moving = self.static_mask, self.dynamic_masks
        return {
            "image": self._backdrop.value,
            **({"static_mask": still} if still else {}),
            **({"dynamic_masks": moving} if moving else {}),
            **self._choices[self.choice].fields,
        }

    kling_fields = fields
    """The protocol by which `%kling image-to-video --image {brush}` takes all fields."""

    def request(self, **more: Any) -> Request:
        """The request of these fields and `more`, which come first, such as `prompt`.

        Raises `InvalidRequest` as `fields` does.
        """
        return self._endpoint.request(**{**self.fields(), **more})

    def known_as(self, variable: str) -> None:
        """Say in the widget how it is used when it is in this variable."""
        self.usage = f"%kling {self._endpoint.command} --image {{{variable}}} what happens"

    def __repr__(self) -> str:
        width, height = self._backdrop.size
        moving = len(self._regions)
        still = "" if self._is_blank(self._layers[0]) else ", an area that stays still"
        regions = f"{moving} moving region{'s'[: moving != 1]}"
        return f"<MotionBrush on {self._backdrop.name}, {width}x{height} px: {regions}{still}>"

    # --- layers ----------------------------------------------------------------------------

    @property
    def _layers(self) -> list[Layer]:
        return cast("list[Layer]", self.drawing["layers"])

    @property
    def _regions(self) -> list[Layer]:
        """The layers that move, less those that are untouched."""
        return [layer for layer in self._layers[1:] if layer["points"] or not self._is_blank(layer)]

    def _layer(self, name: str, mask: Any, points: Sequence[Any] = ()) -> Layer:
        size = self._backdrop.size
        given = [
            point.given if isinstance(point, shared_fields.Point) else point for point in points
        ]
        return {
            "id": name,
            "points": [[point["x"], point["y"]] for point in given],
            "mask": masks.packed(mask, size) if mask is not None else b"",
        }

    def _is_blank(self, layer: Layer) -> bool:
        return masks.is_blank(layer["mask"], self._backdrop.size)

    def _png(self, layer: Layer) -> bytes:
        return masks.png(layer["mask"], self._backdrop.size)

    # --- what is shown ---------------------------------------------------------------------

    def _limits(self) -> dict[str, Any]:
        """How many regions and points the declaration allows."""
        region, path = (
            self._endpoint.request.params()["dynamic_masks"],
            shared_fields.DynamicMask.params()["trajectories"],
        )
        return {
            "regions": region.max_items,
            "fewest": path.min_items,
            "most": path.max_items,
        }

    def _judge(self, _: Any = None) -> None:
        untouched = [layer for layer in self._layers if not layer["mask"] and not layer["points"]]
        blank = untouched == self._layers
        found = {**_NOTHING} if blank else request_verdict(self.request, self._said)
        notes = [*caution(self._choices), *found["warnings"]]
        # By this the page knows of which of its drawings the verdict speaks.
        number = self.drawing.get("number", 0)
        self.verdict = {**found, "warnings": notes, "number": number}

    def _said(self, violation: Violation) -> str:
        """A violation in the words of the layers."""
        field, *rest = violation.field.split(".")
        advice = f" Use {violation.valid}." if violation.valid else ""
        if field == "dynamic_masks" and rest:
            part = {"trajectories": "the path "}.get(rest[-1], "")
            region = self._regions[int(rest[0])]["id"]
            return f"Region {region}: {part}{violation.message}.{advice}"
        if field == "static_mask":
            return f"What stays still: {violation.message}.{advice}"
        return str(violation)
