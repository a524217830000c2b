"""The description of a form: everything of the declaration, and nothing besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import Part, param
from kling_core.declare.kinds import part_of
from kling_jupyter.widgets.form_spec import label, spec

EVERY = [pytest.param(e, id=e.name) for e in registry.endpoints()]
KINDS = {"area", "text", "number", "choice", "flag", "media", "list", "part"}


def fields(endpoint: Endpoint) -> dict[str, Any]:
    return {f["name"]: f for s in spec(endpoint)["sections"] for f in s["fields"]}


def everything(field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The field, and all fields inside it."""
    yield field
    for inner in [*field.get("fields", ()), *([field["item"]] if "item" in field else [])]:
        yield from everything(inner)


@pytest.mark.parametrize("endpoint", EVERY)
def test_every_field_is_there_once(endpoint):
    """Each declared field stands in exactly one section."""
    names = [f["name"] for s in spec(endpoint)["sections"] for f in s["fields"]]
    assert sorted(names) == sorted(endpoint.request.params())


@pytest.mark.parametrize("endpoint", EVERY)
def test_every_field_of_every_piece_is_there(endpoint):
    """What is inside a field is in the form too, but for the number that is filled in."""

    def compare(field: dict[str, Any], part: type[Part]) -> None:
        holder = field.get("item", field)
        if holder["kind"] != "part":
            assert field["kind"] == "flag"
            assert len(part.params()) == 1
            return
        missing = set(part.params()) - {f["name"] for f in holder["fields"]}
        assert missing <= {"index"}
        for inner in holder["fields"]:
            deeper = part_of(part.params()[inner["name"]])
            if deeper is not None:
                compare(inner, deeper)

    for name, field in fields(endpoint).items():
        part = part_of(endpoint.request.params()[name])
        if part is not None:
            compare(field, part)


@pytest.mark.parametrize("endpoint", EVERY)
def test_every_field_can_be_built(endpoint):
    """Each has a kind that the page knows, a label, its words, and is plain JSON."""
    for top in fields(endpoint).values():
        for field in everything(top):
            assert field["kind"] in KINDS
            assert field["label"]
            assert "`" not in field["doc"]
            if field["kind"] == "choice":
                assert field["choices"]
    assert json.loads(json.dumps(spec(endpoint))) == spec(endpoint)


@pytest.mark.parametrize("endpoint", EVERY)
def test_what_must_be_given_stands_on_top(endpoint):
    """Required fields, the prompt and the media are never folded away."""
    (top,) = [s for s in spec(endpoint)["sections"] if s["name"] == "input"]
    shown = {f["name"] for f in top["fields"]}
    for name, declared in endpoint.request.params().items():
        if declared.required or name == endpoint.positional:
            assert name in shown


def test_what_fields_are():
    """A few fields of each kind, as the page gets them."""
    t2v, i2v, image = (fields(registry.get(n)) for n in ("t2v", "i2v", "image"))
    assert t2v["prompt"]["kind"] == "area"
    assert t2v["prompt"]["maxLength"] == 2500
    assert t2v["model_name"]["open"]
    assert t2v["model_name"]["default"] == "kling-v2-5-turbo"
    assert [c["value"] for c in t2v["mode"]["choices"]] == ["std", "pro", "4k"]
    assert t2v["mode"]["segments"]
    assert t2v["sound"] | {"doc": ""} == {
        "name": "sound", "label": "Sound", "doc": "", "required": False, "default": "off",
        "assumed": "", "kind": "flag", "on": "on",
    }  # fmt: skip
    cfg = t2v["cfg_scale"]
    assert (cfg["kind"], cfg["min"], cfg["max"], cfg["assumed"]) == ("number", 0, 1, "0.5")
    assert image["n"]["label"] == "Images"
    assert image["n"]["whole"]
    assert i2v["camera_control"]["fields"][1]["oneOnly"]
    assert i2v["dynamic_masks"]["item"]["fields"][0]["kind"] == "media"
    assert i2v["element_list"]["item"]["fields"][0]["kind"] == "text", "a page cannot count so far"
    assert i2v["watermark_info"]["kind"] == "flag"
    assert fields(registry.get("effects"))["images"]["least"] == 2
    assert fields(registry.get("lip_sync"))["video_url"]["accept"] == ""


def test_a_new_endpoint_needs_nothing_here():
    """A declaration that nobody has seen gets its form."""

    class Dance(Request):
        """Make a statue dance."""

        steps: int = param(doc="How many.", ge=1, le=8, unit="steps")
        song: Any = param(default=None, doc="What it dances to.", media="audio")

    try:
        made = Endpoint(
            name="statue_dance",
            call="task",
            routes={"v1": "/v1/x"},
            request=Dance,
            makes="video",
            pool="video",
            pack="video",
            toolset="video",
            source="-",
        )
        shown = fields(made)
    finally:
        spec.cache_clear()
    assert shown["steps"]["kind"] == "number"
    assert shown["song"]["accept"].startswith("audio/")


@pytest.mark.parametrize(
    "name, words",
    [("model_name", "Model"), ("callback_url", "Callback URL"), ("video_id", "Video ID")],
)
def test_labels_are_words(name, words):
    """A field's name is said as one would."""
    assert label(name) == words
