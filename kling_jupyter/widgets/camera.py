"""The camera: one move, chosen by sliders and seen before it is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import traitlets

from kling_core.declare import registry, shared_fields
from kling_core.declare.kinds import kind_of, words
from kling_core.rules.conditions import either
from kling_jupyter.widgets.backdrop import backdrop
from kling_jupyter.widgets.base import Widget, script, style
from kling_jupyter.widgets.models_with_feature import caution, choices, endpoint_with
from kling_jupyter.widgets.verdict import request_verdict

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_jupyter.widgets.models_with_feature import Choice

__all__ = ["Camera"]

_FIELD = "camera_control"


class Camera(Widget):
    """A camera move: one of the fixed ones, or a simple one, of which exactly one value is not 0.

    `fields()` are the request fields for `create(**camera.fields(), prompt=…)`; `{camera}` given
    to `--camera-control` brings the same. With an `image` the move is for image to video and is
    shown on it; else it is for text to video, unless `endpoint` names another. `move` is where to
    begin, as in `"zoom=5"`, `"down_back"` or the documented object.

    Raises `UsageProblem` for an image that is none, `ValueError` for a move that is none and an
    endpoint that takes none, and `UnknownEndpoint`.
    """

    _esm = script("camera")
    _css = style("panel", "camera")

    backdrop = traitlets.Dict().tag(sync=True)
    axes = traitlets.List(traitlets.Dict()).tag(sync=True)
    moves = traitlets.List(traitlets.Dict()).tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    verdict = traitlets.Dict().tag(sync=True)
    usage = traitlets.Unicode().tag(sync=True)
    choice = traitlets.Int(0).tag(sync=True)
    move = traitlets.Dict().tag(sync=True, echo_update=False)

    def __init__(self, image: Any = None, *, endpoint: str | None = None, move: Any = None) -> None:
        self._endpoint = _endpoint(endpoint, with_image=image is not None)
        self._backdrop = backdrop(image) if image is not None else None
        self._choices = choices(self._endpoint, _FIELD)
        super().__init__(
            backdrop=self._backdrop.as_trait() if self._backdrop else {},
            axes=_axes(),
            moves=_moves(self._endpoint, self._choices[0]),
            choices=[choice.label for choice in self._choices],
            move=_begun(move),
        )
        self.known_as("camera")
        self.observe(self._judge, ["move", "choice"])
        self._judge()

    @property
    def camera_control(self) -> dict[str, Any]:
        """The move as Kling documents it: its `type`, and the `config` of a simple one."""
        kind = cast("str", self.move["type"])
        if kind != "simple":
            return {"type": kind}
        config: dict[str, float] = {**dict.fromkeys(shared_fields.AXES, 0)}
        config[cast("str", self.move["axis"])] = cast("float", self.move["value"])
        return {"type": kind, "config": config}

    def fields(self) -> dict[str, Any]:
        """The request fields: the move, the image if there is one, model, mode and length."""
        image = {"image": self._backdrop.value} if self._backdrop else {}
        return {**image, _FIELD: self.camera_control, **self._choices[self.choice].fields}

    kling_fields = fields
    """The protocol by which `--camera-control {camera}` takes all fields."""

    def request(self, **more: Any) -> Request:
        """The request of these fields and `more`, which come first, such as `prompt`."""
        return self._endpoint.request(**{**self.fields(), **more})

    def known_as(self, variable: str) -> None:
        """Say in the widget how it is used when it is in this variable."""
        flag = _FIELD.replace("_", "-")
        self.usage = f"%kling {self._endpoint.command} --{flag} {{{variable}}} what happens"

    def __repr__(self) -> str:
        kind = self.move["type"]
        words = f"{self.move['axis']}={self.move['value']:g}" if kind == "simple" else kind
        return f"<Camera for {self._endpoint.command}: {words}>"

    def _judge(self, _: Any = None) -> None:
        name = self._endpoint.positional
        words = {name: self._endpoint.example[name]}  # those of the clip are not ours to ask for
        found = request_verdict(lambda: self.request(**words), about=self.fields())
        self.verdict = {**found, "warnings": [*caution(self._choices), *found["warnings"]]}


def _endpoint(name: str | None, *, with_image: bool) -> Endpoint:
    if name is not None:
        endpoint = registry.get(name)
        if _FIELD not in endpoint.request.params():
            able = [e.command for e in registry.endpoints() if _FIELD in e.request.params()]
            raise ValueError(f"{endpoint.command} takes no camera move; use {either(able)}")
        return endpoint
    return endpoint_with(_FIELD, "image") if with_image else endpoint_with(_FIELD, without="image")


def _axes() -> list[dict[str, Any]]:
    """The six values as the declaration has them."""
    return [
        {"name": name, "doc": declared.doc, "low": declared.ge, "high": declared.le}
        for name, declared in shared_fields.CameraConfig.params().items()
    ]


def _moves(endpoint: Endpoint, choice: Choice) -> list[dict[str, str]]:
    """Every type of move, with the reason where this endpoint does not take it."""
    kinds = words(kind_of(shared_fields.CameraControl.params()["type"]))
    return [{"type": kind, "reason": _reason(endpoint, choice, kind)} for kind in kinds]


def _reason(endpoint: Endpoint, choice: Choice, kind: str) -> str:
    move = "zoom=1" if kind == "simple" else kind
    check = endpoint.request(**{_FIELD: move}, **choice.fields).check()
    return next((v.message for v in check.violations if v.field == _FIELD), "")


def _begun(move: Any) -> dict[str, Any]:
    """A move in any of its spellings, as the widget holds it."""
    begun: dict[str, Any] = {"type": "simple", "axis": shared_fields.AXES[-1], "value": 0.0}
    if move is None:
        return begun
    control = shared_fields.camera(move)
    known = words(kind_of(shared_fields.CameraControl.params()["type"]))
    if not isinstance(control, dict) or cast("dict[str, Any]", control).get("type") not in known:
        raise ValueError(f"{move!r} is no camera move; write zoom=5, or one of {', '.join(known)}")
    given = cast("dict[str, Any]", control)
    config = cast("dict[str, float]", given.get("config") or {})
    unknown = [name for name in config if name not in shared_fields.AXES]
    moving = [name for name, value in config.items() if value]
    if unknown or len(moving) > 1:
        raise ValueError(f"{move!r} is no camera move; give one of {', '.join(shared_fields.AXES)}")
    begun["type"] = given["type"]
    if moving:
        begun |= {"axis": moving[0], "value": float(config[moving[0]])}
    return begun
