"""`check()` and the sandbox, which were written apart, agree about what is valid.

Requests are drawn at random around what the models do, with bounds crossed on purpose. Two things
hold for each: what `check()` passes is accepted and made; what the sandbox refuses, or fails for
its inputs, `check()` names. The body of a request that breaks rules is the one the codec would
make if nobody had checked it.
"""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from helpers import media
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from PIL import Image

from kling_core import Kling, Sandbox
from kling_core.catalog import tables
from kling_core.declare import registry
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.editions.choose import edition_of
from kling_core.errors import KlingWarning, Violation
from kling_core.media.inputs import Unreadable, read
from kling_core.wire.body import JSONBody

Fields = dict[str, Any]

OFTEN = settings(
    max_examples=int(os.environ.get("RULES_EXAMPLES", "50")),
    deadline=None,
    database=None,
    derandomize=not os.environ.get("RULES_AT_RANDOM"),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# --- what is drawn -------------------------------------------------------------------------


class Blob(bytes):
    """Bytes that do not fill the screen when an example is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


def picture(width: int, height: int, kind: str = "PNG") -> Blob:
    """A picture with a short name."""
    return Blob(media.picture(width, height, kind))


def mask(width: int, height: int) -> Blob:
    """A mask with a short name."""
    return Blob(media.mask(width, height))


def sound(seconds: float) -> Blob:
    """A tone with a short name."""
    return Blob(media.sound(seconds))


@cache
def gif() -> bytes:
    """A picture that Kling does not take."""
    buffer = io.BytesIO()
    Image.new("P", (400, 400)).save(buffer, "GIF")
    return buffer.getvalue()


SIDES = st.sampled_from([1, 299, 300, 301, 480, 750, 751])
PICTURES = st.one_of(
    st.just(picture(480, 320)),
    st.just("https://pictures.example/cat.png"),
    st.builds(picture, SIDES, SIDES, st.sampled_from(["PNG", "JPEG"])),
    st.sampled_from([gif(), Blob(picture(480, 320, "JPEG")[:-400]), Blob(b"no picture at all")]),
)
GOOD_PICTURE = st.sampled_from([picture(480, 320), picture(300, 750, "JPEG")])
MASKS = st.sampled_from([mask(480, 320), mask(240, 160), mask(960, 640), mask(480, 300)])
SOUNDS = st.sampled_from([sound(3), sound(1.9), sound(2), sound(60), sound(61), b"RIFF noise"])
WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["a boat", "x" * 2500, "x" * 2501, "", 5, '{it\'s} \\ "q" <b> 船\n\x00']),
)
NUMBERS = st.sampled_from([0, 0.5, 1, -0.1, 1.01, "0.3", True, float("nan"), float("inf")])
DURATIONS = st.sampled_from(
    [5, 10, "5", "10", 3, "15", 16, 7, 0, -5, 5.0, 5.5, "5s", "ten", True, float("inf")]
)
MODES = st.sampled_from(["std", "pro", "4k", "STD", ""])
RATIOS = st.sampled_from(["16:9", "9:16", "1:1", "4:3", "21:9", "16/9"])
SWITCHES = st.sampled_from(["on", "off", True, False, "yes"])
EXTRAS: dict[str, st.SearchStrategy[Any]] = {
    "watermark_info": st.sampled_from([True, False, {"enabled": True}, {"enable": True}]),
    "promt": st.just("a typo in the name"),
}
SHOT = st.fixed_dictionaries(
    {
        "prompt": st.sampled_from(["a door", "", "x" * 512, "x" * 513]),
        "duration": st.sampled_from([1, 2, 3, "4", 0, -1, 1.5]),
    },
    optional={"index": st.sampled_from([1, 2, 6, 7, 0, None])},
)
GOOD_SHOT = st.fixed_dictionaries({"prompt": st.just("a door"), "duration": st.integers(1, 3)})
AXES = st.sampled_from(["horizontal", "vertical", "pan", "tilt", "roll", "zoom", "spin"])
AMOUNTS = st.sampled_from([-10, -0.5, 0, 5, 10, 10.5])
CAMERAS = st.one_of(
    st.just({"zoom": 5}),
    st.sampled_from(["zoom=5", "pan=-10", "down_back", "simple", "spin", "zoom=much", 5]),
    st.dictionaries(AXES, AMOUNTS, max_size=2),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["simple", "down_back", "sideways"])},
        optional={"config": st.dictionaries(AXES, AMOUNTS, max_size=2)},
    ),
)
POINT = st.fixed_dictionaries(
    {"x": st.sampled_from([0, 10, 400]), "y": st.sampled_from([0, 9, -1, 65537, 1.5])}
)
GOOD_PATH = st.just([{"x": 10, "y": 10}, {"x": 100, "y": 90}])
BRUSHES = st.lists(
    st.fixed_dictionaries(
        {"mask": MASKS, "trajectories": st.one_of(GOOD_PATH, st.lists(POINT, max_size=3))}
    ),
    max_size=2,
)
ELEMENTS = st.lists(
    st.sampled_from([1, 160, {"element_id": 5}, 10**18 - 1, 10**18, 0, "7", "x"]), max_size=4
)
VOICES = st.lists(st.sampled_from(["829836802793406551", {"voice_id": "7"}, "", 5]), max_size=3)

COMMON: dict[str, st.SearchStrategy[Any]] = {
    "prompt": WORDS,
    "negative_prompt": WORDS,
    "mode": MODES,
    "duration": DURATIONS,
    "sound": SWITCHES,
    "cfg_scale": NUMBERS,
    "camera_control": CAMERAS,
    "aspect_ratio": RATIOS,
    "multi_shot": st.sampled_from([True, False, "true", 3]),
    "shot_type": st.sampled_from(["customize", "intelligence", "smart"]),
    "multi_prompt": st.lists(SHOT, max_size=7),
    **EXTRAS,
}


def models(endpoint: str) -> st.SearchStrategy[Any]:
    """Models of the endpoint, of other endpoints, and of nobody."""
    own = sorted({model.name for model in tables.models(endpoint)})
    other = sorted({model.name for model in tables.models()} - set(own))
    return st.sampled_from([*own, *own, *other, "kling-v9", "kling-v1.6", ""])


@st.composite
def videos(draw: st.DrawFn, endpoint: str) -> Fields:
    """A request that some row of the capability table makes."""
    model = draw(st.sampled_from(tables.models(endpoint)))
    modes = model.endpoints[endpoint].modes
    mode = draw(st.sampled_from(sorted(modes)))
    seconds = draw(st.sampled_from(sorted(modes[mode], key=int)[:3]))
    fields: Fields = {"model_name": model.name, "duration": seconds}
    if mode != "none":
        fields["mode"] = mode
    offered = [name for name in modes[mode][seconds] if name != "generation"]
    feature = draw(st.sampled_from(["generation", *offered]))
    return fields | {"prompt": "a boat"} | _feature(draw, endpoint, feature, seconds)


def _feature(draw: st.DrawFn, endpoint: str, feature: str, seconds: str) -> Fields:
    image = {"image": draw(GOOD_PICTURE)} if endpoint == "image_to_video" else {}
    match feature:
        case "sound":
            return image | {"sound": "on"}
        case "start_end_frame":
            return image | {"image_tail": picture(300, 900)}
        case "end_frame_only":
            return {"image_tail": draw(GOOD_PICTURE)}
        case "motion_brush":
            brush = {"mask": mask(480, 320), "trajectories": draw(GOOD_PATH)}
            return {"image": picture(480, 320), "dynamic_masks": [brush]}
        case "camera_control" | "camera_control_simple":
            return image | {"camera_control": {"tilt": draw(st.integers(1, 10))}}
        case "element_control":
            return image | {"element_list": [7]}
        case "voice_control":
            return image | {"sound": "on", "voice_list": ["77"]}
        case "multi_shot" if draw(st.booleans()):
            return image | {"multi_shot": True, "shot_type": "intelligence"}
        case "multi_shot":
            shots = [{"prompt": "a door", "duration": 1}] * (int(seconds) - 1)
            shots = [*shots[:5], {"prompt": "end", "duration": int(seconds) - len(shots[:5])}]
            more = {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots}
            return image | more | {"prompt": None}
        case _:
            return image


def spoiled(
    base: st.SearchStrategy[Fields], changes: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[Fields]:
    """The base with up to three fields changed, added or taken away."""
    change = st.sampled_from(sorted(changes)).flatmap(
        lambda name: st.tuples(st.just(name), st.one_of(st.none(), changes[name], changes[name]))
    )
    return st.tuples(base, st.lists(change, max_size=3)).map(lambda pair: pair[0] | dict(pair[1]))


TEXT_TO_VIDEO = spoiled(videos("text_to_video"), {**COMMON, "model_name": models("text_to_video")})
IMAGE_TO_VIDEO = spoiled(
    videos("image_to_video"),
    {
        **{name: value for name, value in COMMON.items() if name != "aspect_ratio"},
        "model_name": models("image_to_video"),
        "image": PICTURES,
        "image_tail": PICTURES,
        "static_mask": MASKS,
        "dynamic_masks": BRUSHES,
        "element_list": ELEMENTS,
        "voice_list": VOICES,
    },
)
MULTI_IMAGE = spoiled(
    st.fixed_dictionaries({"image_list": st.lists(GOOD_PICTURE, min_size=1, max_size=2)}).map(
        lambda fields: fields | {"prompt": "they meet"}
    ),
    {
        **{name: COMMON[name] for name in ("prompt", "negative_prompt", "mode", "duration")},
        **EXTRAS,
        "aspect_ratio": RATIOS,
        "model_name": models("multi_image_to_video"),
        "image_list": st.lists(PICTURES, max_size=5),
    },
)
EXTENSION = spoiled(
    st.sampled_from(["kling-v1", "kling-v1-6", "kling-v2-6"]).map(lambda name: {"video_id": name}),
    {
        **{name: COMMON[name] for name in ("prompt", "negative_prompt", "cfg_scale", "promt")},
        "video_id": st.sampled_from(["kling-v1", ""]),
    },
)
VOICE_IDS = st.sampled_from(["oversea_male1", "zhuxi_speech02", "genshin_vindi2", "nobody", ""])
SPEECH = st.sampled_from(
    [
        {"text": "Hello", "voice_id": "oversea_male1"},
        {"text": "Hello", "voice_id": "zhuxi_speech02", "voice_language": "zh"},
        {"audio": sound(3)},
        {"audio": "https://sounds.example/voice.mp3"},
    ]
)
LIP_SYNC = spoiled(
    SPEECH.map(lambda fields: fields | {"video_id": "kling-v1-6"}),
    {
        "video_id": st.sampled_from(["kling-v2-6", ""]),
        "video_url": st.sampled_from(["https://videos.example/clip.mp4", "clip.mp4", b"video"]),
        "text": st.sampled_from(["Hi", "x" * 120, "x" * 121, 5]),
        "voice_id": VOICE_IDS,
        "voice_language": st.sampled_from(["en", "zh", "de"]),
        "voice_speed": st.sampled_from([0.8, 1, 2.0, 0.7, 2.1, 1.25, "1.0"]),
        "audio": SOUNDS,
        "mode": st.sampled_from(["text2video", "audio2video", "both"]),
        "promt": EXTRAS["promt"],
    },
)
SCENES = st.sampled_from(
    [*sorted(tables.effects()), "hug", "kiss", "fight", "hug_pro", "bullet_time_360", "no_such"]
)
EFFECTS = spoiled(
    st.sampled_from(sorted(tables.effects())).map(
        lambda name: (
            {"effect_scene": name}
            | (
                {"images": [picture(480, 320), picture(300, 750, "JPEG")]}
                if tables.effects()[name].images == 2
                else {"image": picture(480, 320)}
            )
        )
    ),
    {
        "effect_scene": SCENES,
        "image": PICTURES,
        "images": st.lists(PICTURES, max_size=3),
        "duration": DURATIONS,
        "mode": MODES,
        "model_name": models("video_effects"),
        "promt": EXTRAS["promt"],
    },
)


@st.composite
def images(draw: st.DrawFn) -> Fields:
    """A request that some image model makes."""
    model = draw(st.sampled_from(tables.models("image_generation")))
    can = model.endpoints["image_generation"]
    fields: Fields = {"model_name": model.name, "prompt": "a pear"}
    task = draw(st.sampled_from(sorted(can.resolutions)))
    if task == "image_to_image":
        fields["image"] = draw(GOOD_PICTURE)
        if can.requires:
            fields["image_reference"] = "subject"
    if can.resolutions[task]:
        fields["resolution"] = draw(st.sampled_from(can.resolutions[task]))
    if can.aspect_ratios:
        fields["aspect_ratio"] = draw(st.sampled_from(can.aspect_ratios))
    return fields


IMAGES = spoiled(
    images(),
    {
        "prompt": WORDS,
        "negative_prompt": WORDS,
        **EXTRAS,
        "model_name": models("image_generation"),
        "image": PICTURES,
        "image_reference": st.sampled_from(["subject", "face", "hair"]),
        "image_fidelity": NUMBERS,
        "human_fidelity": NUMBERS,
        "element_list": st.one_of(ELEMENTS, st.just(list(range(1, 11)))),
        "resolution": st.sampled_from(["1k", "2k", "4k"]),
        "n": st.sampled_from([1, 2, 0, 10, "2", 1.5]),
        "aspect_ratio": st.sampled_from(["16:9", "21:9", "3:2", "5:4"]),
    },
)
TRY_ON = spoiled(
    st.fixed_dictionaries({"human_image": GOOD_PICTURE, "cloth_image": GOOD_PICTURE}),
    {
        "human_image": PICTURES,
        "cloth_image": st.one_of(PICTURES, st.just(picture(300, 2000))),
        "model_name": models("virtual_try_on"),
        **EXTRAS,
    },
)


# --- the judges ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict_sandbox() -> Iterator[Sandbox]:
    """A sandbox for requests that break rules, which no other test shares."""
    plenty = {"limit": 1000, "image_limit": 1000, "units": 10**9, "image_units": 10**9}
    with Sandbox(quality="test", speed=20000, **plenty) as sandbox:
        sandbox._lifecycle._bench.fps = 1
        yield sandbox


@pytest.fixture(scope="module")
def clips(strict_sandbox: Sandbox) -> dict[str, str]:
    """A clip of each of three models: its id by the model's name."""
    made: dict[str, str] = {}
    with Kling(sandbox=strict_sandbox) as kling, warnings.catch_warnings():
        warnings.simplefilter("ignore", KlingWarning)
        for model in ("kling-v1", "kling-v1-6", "kling-v2-6"):
            task = kling.text_to_video.create(prompt="a face", model_name=model).wait()
            made[model] = task.videos[0].id
    return made


@pytest.fixture(scope="module")
def http(strict_sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A raw client of the sandbox."""
    headers = {
        "Authorization": f"Bearer {strict_sandbox.api_key}",
        "Content-Type": "application/json",
    }
    with httpx.Client(base_url=strict_sandbox.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def judge(strict_sandbox: Sandbox, http: httpx.Client, clips: dict[str, str]) -> Any:
    """Compares the two judgements of one request."""

    def compare(name: str, fields: Fields) -> None:
        endpoint = registry.load(name)
        source = fields.get("video_id")
        if source in clips:
            fields = fields | {"video_id": clips[source]}
        request = endpoint.request(**fields)
        if source in clips and name == "video_extension":
            request = request.with_parent({"model_name": source, "mode": "std", "duration": "5"})
        note(repr(request))
        verdict = request.check()
        refusal = _outcome(strict_sandbox, http, endpoint, _body(endpoint, request, verdict))
        unknown = [text for text in verdict.warnings if "is not in the" in text]
        event(f"{name}: {'passed' if verdict.ok else 'named'}, {'no' if refusal else 'accepted'}")
        if verdict.ok and not unknown:
            assert refusal == "", f"check() passes what the sandbox refuses: {refusal}"
        if refusal:
            named = _named(verdict.violations, unknown)
            about = _about(refusal)
            assert about & named, f"{refusal!r} is about {about}, check() names {named}"

    return compare


def _outcome(sandbox: Sandbox, http: httpx.Client, endpoint: Endpoint, body: bytes) -> str:
    """Why the sandbox did not make it; empty when it did."""
    answer = http.post(endpoint.path, content=body).json()
    if answer["code"] != 0:
        assert answer["code"] in (1200, 1201, 1203), answer
        return answer["message"]
    assert sandbox.wait_idle(20)
    task_id = answer["data"]["task_id"]
    task = http.get(f"{endpoint.path}/{task_id}").json()["data"]
    assert task["task_status"] in ("succeed", "failed")
    return task["task_status_msg"]


def _body(endpoint: Endpoint, request: Request, verdict: Check) -> bytes:
    """The body of the request; fields that were found wrong go out as they were given."""
    given = request.adopt(dict(request.given))
    params = endpoint.request.params()
    wrong = {n: _raw(params[n].media, v) for n, v in given.items() if n in params}
    fields = wrong | dict(verdict.fields)
    sent = verdict.sent | {name for name in given if name in params}
    judged = Check((), (), {n: fields[n] for n in sent}, frozenset(sent))
    tree = edition_of(endpoint).encode(endpoint, judged, own_id=None)
    try:
        return b"".join(JSONBody(tree))
    except ValueError:  # NaN and infinity have no JSON
        return json.dumps(_plain(tree), allow_nan=True).encode()


def _raw(kind: Any, value: Any) -> Any:
    """A value as the codec would find it: media in its form, all else as it was given."""
    if isinstance(value, list):
        return [_raw(kind, inner) for inner in value]
    if isinstance(value, dict):
        return {k: _raw("mask" if k == "mask" else None, inner) for k, inner in value.items()}
    if kind is None or value in (None, ""):
        return value
    try:
        return read(value, kind, field="")
    except Unreadable:
        return value.decode() if isinstance(value, bytes) else value


def _plain(tree: Any) -> Any:
    return json.loads(json.dumps(tree, default=lambda item: item.url or "", allow_nan=True))


# --- names in messages ---------------------------------------------------------------------

_SYNONYMS = {
    "audio_file": "audio",
    "audio_url": "audio",
    "audio_type": "audio",
    "config": "camera_control",
    "type": "camera_control",
    "mask": "dynamic_masks",
    "trajectories": "dynamic_masks",
    "element_id": "element_list",
    "voice": "voice_id",
    "enabled": "watermark_info",
}
_MEDIA = {param.name for endpoint in registry.endpoints() for param in endpoint.media_params} | {
    "static_mask",
    "dynamic_masks",
}
_NAMES = {name for endpoint in registry.endpoints() for name in endpoint.request.params()}


def _about(message: str) -> set[str]:
    """The fields that a message of the sandbox is about."""
    found = {_SYNONYMS.get(word, word) for word in re.findall(r"[a-z_]+", message)} & _NAMES
    if message.startswith(("model ", "Voice ")):
        found |= {"model_name"} if message.startswith("model ") else {"voice_id", "voice_language"}
    if message.startswith("From video"):
        found |= {"video_id"}
    if re.match(r"(Image|File|Audio|Video|The (aspect|resolution))\b", message):
        found |= _MEDIA
    if message in ("input.audio_type is required", "input.text is required"):
        found |= {"mode"}  # which of the two is missing, the mode says
    if message.startswith("input.image"):
        found |= {"image", "images"}  # one picture or two: which is wrong depends on the scene
    if message == "input is required":
        found |= {name for name in _NAMES if name in _MEDIA} | {"video_id", "text"}
    assert found, f"this message names no field: {message}"
    return found


def _named(violations: tuple[Violation, ...], unknown: list[str]) -> set[str]:
    """The fields that violations and warnings of unknown names are about."""
    fields = {_SYNONYMS.get(part, part) for v in violations for part in v.field.split(".")}
    for v in violations:
        fields |= set(re.findall(r"(\w+)=", v.valid))  # of several fields one is named first
    for text in unknown:
        if "effect_scene" in text:
            fields.add("effect_scene")
        else:
            fields.add("voice_id" if "voice_id" in text else "model_name")
    return fields & _NAMES


# --- the properties ------------------------------------------------------------------------


@settings(OFTEN)
@given(fields=TEXT_TO_VIDEO)
def test_text_to_video(fields: Fields, judge: Any) -> None:
    """Text to video: the two judgements agree."""
    judge("text_to_video", fields)


@settings(OFTEN)
@given(fields=IMAGE_TO_VIDEO)
def test_image_to_video(fields: Fields, judge: Any) -> None:
    """Image to video: the two judgements agree."""
    judge("image_to_video", fields)


@settings(OFTEN)
@given(fields=MULTI_IMAGE)
def test_multi_image_to_video(fields: Fields, judge: Any) -> None:
    """Multi-image to video: the two judgements agree."""
    judge("multi_image_to_video", fields)


@settings(OFTEN)
@given(fields=EXTENSION)
def test_video_extension(fields: Fields, judge: Any) -> None:
    """Video extension, when the source is known: the two judgements agree."""
    judge("video_extension", fields)


@settings(OFTEN)
@given(fields=LIP_SYNC)
def test_lip_sync(fields: Fields, judge: Any) -> None:
    """Lip-sync: the two judgements agree."""
    judge("lip_sync", fields)


@settings(OFTEN)
@given(fields=EFFECTS)
def test_video_effects(fields: Fields, judge: Any) -> None:
    """Video effects: the two judgements agree."""
    judge("video_effects", fields)


@settings(OFTEN)
@given(fields=IMAGES)
def test_image_generation(fields: Fields, judge: Any) -> None:
    """Image generation: the two judgements agree."""
    judge("image_generation", fields)


@settings(OFTEN)
@given(fields=TRY_ON)
def test_virtual_try_on(fields: Fields, judge: Any) -> None:
    """Virtual try-on: the two judgements agree."""
    judge("virtual_try_on", fields)
