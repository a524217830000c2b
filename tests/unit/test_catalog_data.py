"""The catalogue's files: dated, sourced, free of floats, and read into what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from importlib.resources import files

import pytest

from kling_core.catalog import tables

FILES = ["effects.json", "endpoints.json", "models.json", "prices.json", "voices.json"]
ENDPOINTS = [
    "image_generation",
    "image_to_video",
    "lip_sync",
    "multi_image_to_video",
    "text_to_video",
    "video_effects",
    "video_extension",
    "virtual_try_on",
]


def text_of(name: str) -> str:
    """The text of a catalogue file."""
    return files("kling_core.catalog").joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_source_and_date(name: str) -> None:
    """Each data file says where its facts come from and of which day they are."""
    table = json.loads(text_of(name))
    assert len(table["source"]) > 20
    assert date.fromisoformat(table["as_of"]) >= date(2026, 9, 20)


@pytest.mark.parametrize("name", FILES)
def test_no_float_stands_in_any_file(name: str) -> None:
    """No number with a point stands in the data: money is a string, read as Decimal."""
    floats: list[str] = []

    def note(number: str) -> float:
        floats.append(number)
        return float(number)

    json.loads(text_of(name), parse_float=note)
    assert floats == []


def test_loader_refuses_a_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price written as a JSON number with a point stops the loader."""
    monkeypatch.setattr(tables.pkgutil, "get_data", lambda *_: b'{"usd": 0.1}')
    with pytest.raises(ValueError, match=r"0\.1"):
        tables.load("broken.json")


def test_every_model_has_a_dated_status_with_evidence() -> None:
    """Each model's status has a date and a reason, and a retired one names a living successor."""
    for model in tables.models():
        assert model.status_as_of >= "2026-03", model.name
        assert model.evidence, model.name
        assert model.capability_source, model.name
        if model.status == "retired":
            serving = [m for m in tables.models() if m.name == model.successor]
            assert any(m.alive and m.product == model.product for m in serving), model.name


def test_a_span_of_seconds_stands_for_each_of_them() -> None:
    """In the file "3-15" is every second from 3 to 15; "5" is 5 alone."""
    table = json.loads(text_of("models.json"))
    named = {e["model_name"]: e for e in table["models"] if e["product"] == "video"}
    assert list(named["kling-v3"]["endpoints"]["text_to_video"]["modes"]["std"]) == ["3-15"]
    newest = tables.model("kling-v3", "text_to_video")
    older = tables.model("kling-v2-5-turbo", "text_to_video")
    assert newest is not None
    assert older is not None
    assert newest.endpoints["text_to_video"].durations("std") == tuple(
        str(second) for second in range(3, 16)
    )
    assert older.endpoints["text_to_video"].durations("pro") == ("5", "10")
    for model in tables.models():
        for capability in model.endpoints.values():
            assert all(seconds.isdecimal() for seconds in capability.durations()), model.name


def test_status_is_per_product() -> None:
    """kling-v2-1 is a retired video model and a living image model."""
    video = tables.model("kling-v2-1", "image_to_video")
    image = tables.model("kling-v2-1", "image_generation")
    assert video is not None
    assert image is not None
    assert (video.status, image.status) == ("retired", "active")
    assert video.retired_on == date(2026, 9, 15)


def test_models_by_endpoint() -> None:
    """Only the models that serve an endpoint are listed for it, the newest first."""
    assert [m.name for m in tables.models("text_to_video")] == [
        "kling-v3",
        "kling-v2-6",
        "kling-v2-5-turbo",
        "kling-v2-1-master",
        "kling-v2-master",
        "kling-v1-6",
        "kling-v1",
    ]
    assert {m.name for m in tables.models("multi_image_to_video")} == {"kling-v1-6"}
    assert tables.models("lip_sync") == []
    assert tables.model("kling-v2-1", "text_to_video") is None


@pytest.mark.parametrize(
    "endpoint, name",
    [
        ("text_to_video", "kling-v2-5-turbo"),
        ("image_to_video", "kling-v2-5-turbo"),
        ("multi_image_to_video", "kling-v1-6"),
        ("image_generation", "kling-v3"),
        ("virtual_try_on", "kolors-virtual-try-on-v1-5"),
        ("lip_sync", None),
        ("video_effects", None),
        ("video_extension", None),
    ],
)
def test_default_models(endpoint: str, name: str | None) -> None:
    """The default we send is a model of that endpoint, living wherever the endpoint lives."""
    assert tables.default_model(endpoint) == name
    if name and tables.endpoint_status(endpoint).status == "active":
        model = tables.model(name, endpoint)
        assert model is not None
        assert model.status == "active"


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_has_a_status(name: str) -> None:
    """Each of the eight endpoints has a dated status, and a retired one says what to use."""
    status = tables.endpoint_status(name)
    assert status.status_as_of >= "2026-09-20"
    assert status.evidence
    assert status.source.startswith("https://")
    assert bool(status.instead) == (status.status == "retired")
    retired = {"multi_image_to_video", "video_extension"}
    assert (status.status == "retired") == (name in retired)


def test_an_unknown_endpoint_has_no_status() -> None:
    """A name that is not an endpoint is a KeyError, not a silent guess."""
    with pytest.raises(KeyError):
        tables.endpoint_status("text2video")


def test_effect_scenes() -> None:
    """219 current scenes, 15 of them for two images, and older ones with their last day."""
    scenes = tables.effects()
    current = [scene for scene in scenes.values() if scene.listed]
    assert len(current) == 219
    assert sum(scene.images == 2 for scene in current) == 15
    assert scenes["hug"] == tables.EffectScene("hug", 2, listed=False, ended_on=date(2026, 1, 30))
    assert scenes["hug_pro"] == tables.EffectScene("hug_pro", 2, listed=True)
    assert scenes["magic_match_tree"].listed
    assert scenes["magic_match_tree"].ended_on == date(2026, 7, 3)


def test_every_announced_end_belongs_to_a_scene() -> None:
    """No end date is lost by a misspelt scene."""
    assert set(tables.load("effects.json")["ended"]) <= set(tables.effects())


def test_voices() -> None:
    """A voice has its languages and what live checks saw of it."""
    voices = tables.voices()
    assert len(voices) == 46
    assert voices["ai_kaiya"].languages == ("en", "zh")
    assert voices["oversea_male1"].name_en == "Anchor"
    assert voices["reader_en_m-v1"].observed == "refused 2026 (en)"


def test_frame_rate_by_endpoint() -> None:
    """kling-v1-6 makes 24 frames a second from words and 30 from an image."""
    model = tables.model("kling-v1-6", "text_to_video")
    assert model is not None
    assert model.endpoints["text_to_video"].fps == 24
    assert model.endpoints["image_to_video"].fps == 30


def test_import_is_light() -> None:
    """Reading the catalogue imports none of the heavy libraries."""
    heavy = ["numpy", "PIL", "av", "httpx", "pydantic", "jwt", "starlette", "uvicorn", "rich"]
    code = (
        "import sys, kling_core.rules.rules, kling_core.rules.price as p;"
        "p.prices(); p.tables.models();"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
