"""The kinds of field, and the walk through values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from kling_core.declare import kinds, registry
from kling_core.declare.fields import Part, param
from kling_core.declare.kinds import (
    Flag,
    Id,
    ListOf,
    Medium,
    Named,
    Number,
    OneOf,
    Piece,
    Switch,
    Text,
    kind_of,
)
from kling_core.declare.shared_fields import ElementRef


class Face(Part):
    """One that speaks."""

    face_id: str = param(doc="Which.", id_of="face")
    sound: str | None = param(default=None, doc="What it says.", media="audio")


class Every(Part):
    """Fields of all kinds."""

    name: str = param(doc="A name.")
    words: str | None = param(default=None, doc="Words.", max_length=9)
    count: int | str = param(doc="Whole.", ge=1)
    share: float | None = param(default=None, doc="Any.", ge=0, le=1)
    size: Literal["s", "l"] = param(default="s", doc="One of.")
    either: Literal["on", "off"] | bool = param(default="off", doc="A switch.")
    only: Literal["on", "off"] = param(default="off", doc="Takes the words alone.")
    yes: bool | None = param(default=None, doc="A flag.")
    voice: str | None = param(default=None, doc="Named.", choices="voices/tts")
    seconds: int | str = param(doc="A length.", choices="lengths")
    picture: Any = param(doc="A medium.", media="tail")
    pictures: Sequence[Any] = param(doc="Media.", media="image", many=True, max_items=4)
    clip: str = param(doc="An id.", id_of="video")
    element: ElementRef | Mapping[str, int] | int = param(doc="Its id may stand.", of=ElementRef)
    face: Face | Mapping[str, str] = param(doc="An object.", of=Face)
    faces: Sequence[Face | Mapping[str, str]] = param(doc="Objects.", of=list[Face], min_items=1)
    tags: list[str] = param(doc="Texts.", max_items=3)
    odd: complex = param(doc="Of no kind.")


@pytest.mark.parametrize(
    "name, kind",
    [
        ("name", Text()),
        ("words", Text(prose=True, most=9)),
        ("count", Number(whole=True, least=1)),
        ("share", Number(whole=False, least=0, most=1)),
        ("size", OneOf(("s", "l"))),
        ("either", Switch()),
        ("only", OneOf(("on", "off"))),
        ("yes", Flag()),
        ("voice", Named("voices/tts")),
        ("seconds", Number(whole=True)),
        ("picture", Medium("tail")),
        ("pictures", ListOf(Medium("image"), 0, 4)),
        ("clip", Id("video")),
        ("element", Piece(ElementRef, bare=Id("element", whole=True))),
        ("face", Piece(Face)),
        ("faces", ListOf(Piece(Face), 1)),
        ("tags", ListOf(Text(), 0, 3)),
    ],
)
def test_what_a_field_takes(name, kind):
    """By its annotation, and by what it declares."""
    found = kind_of(Every.params()[name])
    assert found == kind
    assert type(found) is type(kind)


def test_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(TypeError, match="no kind of field is known for odd"):
        kind_of(Every.params()["odd"])


def test_a_field_is_worked_out_once():
    """However many ask."""
    declared = Every.params()["faces"]
    assert kind_of(declared) is kind_of(declared)


def test_what_a_medium_is():
    """A picture stays one, whatever it is for."""
    known = {role: Medium(role).stuff for role in ("image", "tail", "mask", "try_on")}
    assert set(known.values()) == {"image"}
    assert (Medium("audio").stuff, Medium("video").stuff) == ("audio", "video")


def test_what_is_somewhere_inside():
    """An object holds what its fields hold."""
    params = Every.params()
    assert kinds.holds(kind_of(params["faces"]), Medium)
    assert kinds.holds(kind_of(params["pictures"]), Medium)
    assert not kinds.holds(kind_of(params["element"]), Medium)
    assert registry.get("i2v").media_names == {
        "image", "image_tail", "static_mask", "dynamic_masks"
    }  # fmt: skip


GIVEN = {
    "pictures": ["a.png", "b.png"],
    "faces": [{"face_id": "1", "sound": "a.mp3"}, Face(face_id="2")],
    "face": "7",
    "nobody": ["x"],
}


def test_the_leaves_of_values():
    """Each with its place; what is not declared has none, and neither has what is no object."""
    found = kinds.leaves(Every.params(), GIVEN)
    assert [(leaf.place, leaf.value) for leaf in found] == [
        ("pictures.0", "a.png"), ("pictures.1", "b.png"), ("faces.0.face_id", "1"),
        ("faces.0.sound", "a.mp3"), ("faces.1.face_id", "2"),
    ]  # fmt: skip
    assert found[3].kind == Medium("audio")


def test_changed_leaves():
    """All else stays; one medium for a list becomes a list, and objects become plain ones."""
    made = kinds.changed(Every.params(), {**GIVEN, "pictures": "a.png"}, lambda leaf: leaf.place)
    assert made == {
        "pictures": ["pictures.0"],
        "faces": [
            {"face_id": "faces.0.face_id", "sound": "faces.0.sound"},
            {"face_id": "faces.1.face_id"},
        ],
        "face": "7",
        "nobody": ["x"],
    }
    assert GIVEN["faces"][0] == {"face_id": "1", "sound": "a.mp3"}
