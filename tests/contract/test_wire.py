"""What each endpoint sends, in full, against tables written by hand from the Kling API reference.

The tables name every field of the reference with its JSON type; `BODIES` holds, request by
request, the exact body that the server must receive. Nothing here is derived from a declaration.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from helpers.media import mask, picture, sound

from kling_core import Kling, Sandbox
from kling_core.declare import registry

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

PICTURE, TAIL, MASK, SOUND = picture(), picture(480, 320, "JPEG"), mask(), sound()
B64 = {name: base64.b64encode(data).decode() for name, data in (
    ("picture", PICTURE), ("tail", TAIL), ("mask", MASK), ("sound", SOUND),
)}  # fmt: skip
URL = "https://pictures.example/cat.png?size=large&name=a%20b"

COMMON = {"callback_url": str, "external_task_id": str, "watermark_info": {"enabled": bool}}
SHOTS = [{"index": int, "prompt": str, "duration": str}]
CAMERA = {
    "type": str,
    "config": {
        "horizontal": float,
        "vertical": float,
        "pan": float,
        "tilt": float,
        "roll": float,
        "zoom": float,
    },
}

TABLES: dict[str, dict[str, Any]] = {
    "text_to_video": {
        "model_name": str,
        "prompt": str,
        "negative_prompt": str,
        "multi_shot": bool,
        "shot_type": str,
        "multi_prompt": SHOTS,
        "sound": str,
        "cfg_scale": float,
        "mode": str,
        "camera_control": CAMERA,
        "aspect_ratio": str,
        "duration": str,
        **COMMON,
    },
    "image_to_video": {
        "model_name": str,
        "image": str,
        "image_tail": str,
        "prompt": str,
        "negative_prompt": str,
        "multi_shot": bool,
        "shot_type": str,
        "multi_prompt": SHOTS,
        "element_list": [{"element_id": int}],
        "voice_list": [{"voice_id": str}],
        "sound": str,
        "cfg_scale": float,
        "mode": str,
        "static_mask": str,
        "dynamic_masks": [{"mask": str, "trajectories": [{"x": int, "y": int}]}],
        "camera_control": CAMERA,
        "duration": str,
        **COMMON,
    },
    "multi_image_to_video": {
        "model_name": str,
        "image_list": [{"image": str}],
        "prompt": str,
        "negative_prompt": str,
        "mode": str,
        "duration": str,
        "aspect_ratio": str,
        **COMMON,
    },
    "video_extension": {
        "video_id": str,
        "prompt": str,
        "negative_prompt": str,
        "cfg_scale": float,
        "callback_url": str,
        "external_task_id": str,
    },
    "lip_sync": {
        "input": {
            "video_id": str,
            "video_url": str,
            "mode": str,
            "text": str,
            "voice_id": str,
            "voice_language": str,
            "voice_speed": float,
            "audio_type": str,
            "audio_file": str,
            "audio_url": str,
        },
        "callback_url": str,
    },
    "video_effects": {
        "effect_scene": str,
        "input": {
            "image": str,
            "images": [str],
            "duration": str,
            "mode": str,
            "model_name": str,
        },
        "callback_url": str,
        "external_task_id": str,
    },
    "image_generation": {
        "model_name": str,
        "prompt": str,
        "negative_prompt": str,
        "image": str,
        "image_reference": str,
        "image_fidelity": float,
        "human_fidelity": float,
        "element_list": [{"element_id": int}],
        "resolution": str,
        "n": int,
        "aspect_ratio": str,
        **COMMON,
    },
    "virtual_try_on": {
        "model_name": str,
        "human_image": str,
        "cloth_image": str,
        "callback_url": str,
        "external_task_id": str,
    },
}
"""Every field of the reference by endpoint, with its JSON type; `float` takes any number."""

PATHS = {
    "text_to_video": "/v1/videos/text2video",
    "image_to_video": "/v1/videos/image2video",
    "multi_image_to_video": "/v1/videos/multi-image2video",
    "video_extension": "/v1/videos/video-extend",
    "lip_sync": "/v1/videos/lip-sync",
    "video_effects": "/v1/videos/effects",
    "image_generation": "/v1/images/generations",
    "virtual_try_on": "/v1/images/kolors-virtual-try-on",
}

ZOOM = {"horizontal": 0, "vertical": 0, "pan": 0, "tilt": 0, "roll": 0, "zoom": -3.5}
EXTRAS = {
    "callback_url": "http://127.0.0.1:9/hook",
    "watermark_info": {"enabled": True},
}
OURS = {**EXTRAS, "external_task_id": "mine-{}"}
CLIP = "<the id of a clip>"


@dataclass(frozen=True)
class Case:
    """One request as Python writes it, and the body that must arrive."""

    endpoint: str
    name: str
    given: dict[str, Any]
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.endpoint}-{self.name}"


def _shot(index: int, prompt: str, duration: str) -> dict[str, Any]:
    return {"index": index, "prompt": prompt, "duration": duration}


CASES = [
    # text to video
    Case(
        "text_to_video",
        "minimal",
        {"prompt": "a boat"},
        {"model_name": "kling-v2-5-turbo", "prompt": "a boat"},
    ),
    Case(
        "text_to_video",
        "maximal",
        {
            "prompt": 'Ünï "quoted" \\ {brace} \n 船',
            "negative_prompt": "rain",
            "model_name": "kling-v1",
            "mode": "std",
            "duration": 5,
            "aspect_ratio": "9:16",
            "sound": "off",
            "cfg_scale": 0.25,
            "camera_control": {"type": "simple", "config": {"zoom": -3.5}},
            **OURS,
        },
        {
            "model_name": "kling-v1",
            "prompt": 'Ünï "quoted" \\ {brace} \n 船',
            "negative_prompt": "rain",
            "mode": "std",
            "duration": "5",
            "aspect_ratio": "9:16",
            "sound": "off",
            "cfg_scale": 0.25,
            "camera_control": {"type": "simple", "config": ZOOM},
            **OURS,
        },
    ),
    Case(
        "text_to_video",
        "shots",
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [
                {"index": 1, "prompt": "a door", "duration": 2},
                {"index": 2, "prompt": "a garden", "duration": "1"},
            ],
            "duration": "3",
            "sound": True,
        },
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [_shot(1, "a door", "2"), _shot(2, "a garden", "1")],
            "duration": "3",
            "sound": "on",
        },
    ),
    Case(
        "text_to_video",
        "shots-without-index",
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [
                {"prompt": "a door", "duration": 2},
                {"prompt": "a garden", "duration": 1},
            ],
            "duration": 3,
        },
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [_shot(1, "a door", "2"), _shot(2, "a garden", "1")],
            "duration": "3",
        },
    ),
    Case(
        "text_to_video",
        "fixed-camera",
        {"prompt": "a boat", "model_name": "kling-v1", "camera_control": "down_back"},
        {"model_name": "kling-v1", "prompt": "a boat", "camera_control": {"type": "down_back"}},
    ),
    # image to video
    Case(
        "image_to_video",
        "minimal",
        {"image": PICTURE},
        {"model_name": "kling-v2-5-turbo", "image": B64["picture"]},
    ),
    Case(
        "image_to_video",
        "maximal",
        {
            "image": PICTURE,
            "static_mask": MASK,
            "dynamic_masks": [
                {"mask": MASK, "trajectories": [{"x": 10, "y": 20}, {"x": 30, "y": 40}]}
            ],
            "prompt": "it moves",
            "negative_prompt": "rain",
            "model_name": "kling-v1",
            "mode": "pro",
            "duration": "5",
            "sound": "off",
            "cfg_scale": 1,
            **OURS,
        },
        {
            "model_name": "kling-v1",
            "image": B64["picture"],
            "static_mask": B64["mask"],
            "dynamic_masks": [
                {"mask": B64["mask"], "trajectories": [{"x": 10, "y": 20}, {"x": 30, "y": 40}]}
            ],
            "prompt": "it moves",
            "negative_prompt": "rain",
            "mode": "pro",
            "duration": "5",
            "sound": "off",
            "cfg_scale": 1,
            **OURS,
        },
    ),
    Case(
        "image_to_video",
        "frames-elements-shots",
        {
            "image": URL,
            "image_tail": f"data:image/jpeg;base64,{B64['tail']}",
            "model_name": "kling-v3",
            "mode": "4k",
            "duration": 4,
            "element_list": [160, {"element_id": 829836802793406551}],
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "on", "duration": "4"}],
        },
        {
            "model_name": "kling-v3",
            "image": URL,
            "image_tail": B64["tail"],
            "mode": "4k",
            "duration": "4",
            "element_list": [{"element_id": 160}, {"element_id": 829836802793406551}],
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [_shot(1, "on", "4")],
        },
    ),
    Case(
        "image_to_video",
        "voices",
        {
            "image": URL,
            "prompt": "<<<voice_1>>> says hello",
            "model_name": "kling-v2-6",
            "mode": "pro",
            "sound": "on",
            "voice_list": ["829836802793406551"],
        },
        {
            "model_name": "kling-v2-6",
            "image": URL,
            "prompt": "<<<voice_1>>> says hello",
            "mode": "pro",
            "sound": "on",
            "voice_list": [{"voice_id": "829836802793406551"}],
        },
    ),
    Case(
        "image_to_video",
        "camera",
        {"image": URL, "model_name": "kling-v1-5", "mode": "pro", "camera_control": "zoom=-3.5"},
        {
            "model_name": "kling-v1-5",
            "image": URL,
            "mode": "pro",
            "camera_control": {"type": "simple", "config": ZOOM},
        },
    ),
    # multi-image to video
    Case(
        "multi_image_to_video",
        "minimal",
        {"image_list": [PICTURE], "prompt": "they meet"},
        {
            "model_name": "kling-v1-6",
            "image_list": [{"image": B64["picture"]}],
            "prompt": "they meet",
        },
    ),
    Case(
        "multi_image_to_video",
        "maximal",
        {
            "image_list": [PICTURE, URL, TAIL, URL],
            "prompt": "they meet",
            "negative_prompt": "rain",
            "model_name": "kling-v1-6",
            "mode": "pro",
            "duration": 10,
            "aspect_ratio": "1:1",
            **OURS,
        },
        {
            "model_name": "kling-v1-6",
            "image_list": [
                {"image": B64["picture"]},
                {"image": URL},
                {"image": B64["tail"]},
                {"image": URL},
            ],
            "prompt": "they meet",
            "negative_prompt": "rain",
            "mode": "pro",
            "duration": "10",
            "aspect_ratio": "1:1",
            **OURS,
        },
    ),
    # video extension
    Case("video_extension", "minimal", {"video_id": CLIP}, {"video_id": CLIP}),
    Case(
        "video_extension",
        "maximal",
        {
            "video_id": CLIP,
            "prompt": "the sea",
            "negative_prompt": "rain",
            "cfg_scale": 0,
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
        {
            "video_id": CLIP,
            "prompt": "the sea",
            "negative_prompt": "rain",
            "cfg_scale": 0,
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
    ),
    # lip-sync
    Case(
        "lip_sync",
        "minimal-text",
        {"video_id": CLIP, "text": "Hello", "voice_id": "oversea_male1"},
        {
            "input": {
                "video_id": CLIP,
                "mode": "text2video",
                "text": "Hello",
                "voice_id": "oversea_male1",
                "voice_language": "en",
            }
        },
    ),
    Case(
        "lip_sync",
        "maximal-text",
        {
            "video_url": "https://videos.example/face.mp4",
            "mode": "text2video",
            "text": "你好",
            "voice_id": "zhuxi_speech02",
            "voice_language": "zh",
            "voice_speed": 1.2,
            "callback_url": EXTRAS["callback_url"],
        },
        {
            "input": {
                "video_url": "https://videos.example/face.mp4",
                "mode": "text2video",
                "text": "你好",
                "voice_id": "zhuxi_speech02",
                "voice_language": "zh",
                "voice_speed": 1.2,
            },
            "callback_url": EXTRAS["callback_url"],
        },
    ),
    Case(
        "lip_sync",
        "sound-file",
        {"video_id": CLIP, "audio": SOUND},
        {
            "input": {
                "video_id": CLIP,
                "mode": "audio2video",
                "audio_type": "file",
                "audio_file": B64["sound"],
            }
        },
    ),
    Case(
        "lip_sync",
        "sound-url",
        {"video_id": CLIP, "audio": "https://sounds.example/voice.mp3"},
        {
            "input": {
                "video_id": CLIP,
                "mode": "audio2video",
                "audio_type": "url",
                "audio_url": "https://sounds.example/voice.mp3",
            }
        },
    ),
    # video effects
    Case(
        "video_effects",
        "minimal",
        {"effect_scene": "bullet_time_360", "image": PICTURE},
        {"effect_scene": "bullet_time_360", "input": {"image": B64["picture"]}},
    ),
    Case(
        "video_effects",
        "maximal",
        {
            "effect_scene": "hug",
            "images": [PICTURE, URL],
            "model_name": "kling-v1-6",
            "mode": "pro",
            "duration": 10,
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
        {
            "effect_scene": "hug",
            "input": {
                "images": [B64["picture"], URL],
                "model_name": "kling-v1-6",
                "mode": "pro",
                "duration": "10",
            },
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
    ),
    # image generation
    Case(
        "image_generation",
        "minimal",
        {"prompt": "a pear"},
        {"model_name": "kling-v3", "prompt": "a pear"},
    ),
    Case(
        "image_generation",
        "maximal",
        {
            "prompt": "a pear",
            "image": PICTURE,
            "image_reference": "subject",
            "image_fidelity": 0.5,
            "human_fidelity": 0.45,
            "model_name": "kling-v2-1",
            "resolution": "2k",
            "n": 2,
            "aspect_ratio": "21:9",
            **OURS,
        },
        {
            "model_name": "kling-v2-1",
            "prompt": "a pear",
            "image": B64["picture"],
            "image_reference": "subject",
            "image_fidelity": 0.5,
            "human_fidelity": 0.45,
            "resolution": "2k",
            "n": 2,
            "aspect_ratio": "21:9",
            **OURS,
        },
    ),
    Case(
        "image_generation",
        "elements",
        {"prompt": "a pear", "negative_prompt": "rain", "element_list": [7]},
        {
            "model_name": "kling-v3",
            "prompt": "a pear",
            "negative_prompt": "rain",
            "element_list": [{"element_id": 7}],
        },
    ),
    # virtual try-on
    Case(
        "virtual_try_on",
        "minimal",
        {"human_image": PICTURE, "cloth_image": URL},
        {
            "model_name": "kolors-virtual-try-on-v1-5",
            "human_image": B64["picture"],
            "cloth_image": URL,
        },
    ),
    Case(
        "virtual_try_on",
        "maximal",
        {
            "human_image": PICTURE,
            "cloth_image": TAIL,
            "model_name": "kolors-virtual-try-on-v1",
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
        {
            "model_name": "kolors-virtual-try-on-v1",
            "human_image": B64["picture"],
            "cloth_image": B64["tail"],
            "callback_url": EXTRAS["callback_url"],
            "external_task_id": "mine-{}",
        },
    ),
]


@pytest.fixture(scope="module")
def clip(quick_sandbox: Sandbox) -> str:
    """The id of a clip of kling-v1-6."""
    with Kling(sandbox=quick_sandbox) as kling:
        made = kling.text_to_video.create(prompt="a face", model_name="kling-v1-6").wait()
        return made.videos[0].id


@pytest.mark.parametrize("case", CASES, ids=str)
def test_body(case: Case, kling: Kling, quick_sandbox: Sandbox, clip: str) -> None:
    """The server receives exactly this body, by the right path, and nothing that was not asked."""
    given = _filled(case.given, clip, str(case))
    task = getattr(kling, case.endpoint).create(**given)
    received = _received(quick_sandbox, task.task_id)
    expected = _filled(case.body, clip, str(case))
    if case.endpoint != "lip_sync" and "external_task_id" not in expected:
        made = received.pop("external_task_id")
        assert re.fullmatch(r"kc-[0-9a-f]{32}", made)
        assert task.external_task_id == made
    assert received == expected
    assert _types_match(expected, TABLES[case.endpoint]), expected
    assert list(_wrong(received, TABLES[case.endpoint])) == []


def test_nothing_unknown_reached_the_server(quick_sandbox: Sandbox) -> None:
    """The sandbox, whose contracts are its own, has seen no key that it does not know, no null."""
    assert quick_sandbox.stats.unknown_keys == []
    assert quick_sandbox.stats.null_keys == []


def test_the_cases_use_every_field_of_the_reference() -> None:
    """Each field of each table occurs in a case, so that none is left untested."""
    for endpoint, table in TABLES.items():
        used = set[str]()
        for case in CASES:
            if case.endpoint == endpoint:
                used |= set(_places(case.body))
        missing = set(_places(table)) - used
        assert missing <= {"external_task_id"}, endpoint


def test_the_declared_fields_are_those_of_the_reference() -> None:
    """No endpoint offers a field that its table lacks, and none lacks one."""
    assert set(TABLES) == set(registry.names())
    for endpoint in registry.endpoints():
        params = endpoint.request.params()
        declared = {param.wire or name for name, param in params.items()}
        declared = {place.partition(".")[0] for place in declared}
        top = set(TABLES[endpoint.name]) | (
            {"input"} if "input" in TABLES[endpoint.name] else set()
        )
        if endpoint.name == "lip_sync":
            declared = declared - {"audio"} | {"input"}
        assert declared == top, endpoint.name
        assert endpoint.path == PATHS[endpoint.name]


PASTED = [
    (
        "lip_sync",
        {"input": {"video_id": CLIP, "mode": "text2video", "text": "Hi", "voice_id": "uk_boy1"}},
        {"video_id": CLIP, "text": "Hi", "voice_id": "uk_boy1"},
    ),
    (
        "lip_sync",
        {
            "input": {
                "video_id": CLIP,
                "mode": "audio2video",
                "audio_type": "file",
                "audio_file": B64["sound"],
            }
        },
        {"video_id": CLIP, "audio": SOUND},
    ),
    (
        "lip_sync",
        {
            "input": {
                "video_id": CLIP,
                "mode": "audio2video",
                "audio_type": "url",
                "audio_url": "https://sounds.example/voice.mp3",
                "audio_file": "",
            }
        },
        {"video_id": CLIP, "audio": "https://sounds.example/voice.mp3"},
    ),
    (
        "video_effects",
        {"effect_scene": "hug_pro", "input": {"images": [URL, URL], "duration": "5"}},
        {"effect_scene": "hug_pro", "images": [URL, URL], "duration": 5},
    ),
    (
        "video_effects",
        {"effect_scene": "hug_pro", "image": [URL, URL]},
        {"effect_scene": "hug_pro", "images": [URL, URL]},
    ),
    (
        "multi_image_to_video",
        {"image_list": [{"image": B64["picture"]}, {"image": URL}], "prompt": "hi"},
        {"image_list": [PICTURE, URL], "prompt": "hi"},
    ),
    (
        "text_to_video",
        {
            "prompt": "a boat",
            "model_name": "kling-v1",
            "camera_control": {"type": "simple", "config": ZOOM},
            "external_task_id": "",
            "callback_url": None,
        },
        {"prompt": "a boat", "model_name": "kling-v1", "camera_control": {"zoom": -3.5}},
    ),
    (
        "text_to_video",
        {"prompt": "a boat", "model_name": "kling-v1", "camera_control": {"type": "forward_up"}},
        {"prompt": "a boat", "model_name": "kling-v1", "camera_control": "forward_up"},
    ),
    (
        "text_to_video",
        {"prompt": "a boat", "watermark_info": {"enabled": True}},
        {"prompt": "a boat", "watermark_info": True},
    ),
    (
        "image_generation",
        {"prompt": "a pear", "element_list": [{"element_id": 5}]},
        {"prompt": "a pear", "element_list": 5},
    ),
]


@pytest.mark.parametrize(
    "endpoint, pasted, flat", PASTED, ids=[f"{row[0]}-{n}" for n, row in enumerate(PASTED)]
)
def test_documented_forms(
    endpoint: str,
    pasted: dict[str, Any],
    flat: dict[str, Any],
    kling: Kling,
    quick_sandbox: Sandbox,
    clip: str,
) -> None:
    """What is pasted from Kling's pages sends the same body as our flat fields."""
    bodies: list[dict[str, Any]] = []
    for given in (pasted, flat):
        task = getattr(kling, endpoint).create(**_filled(given, clip, ""))
        body = _received(quick_sandbox, task.task_id)
        body.pop("external_task_id", None)
        bodies.append(body)
    assert bodies[0] == bodies[1]


def test_headers_of_every_call(tmp_path: Any) -> None:
    """JSON content type on GET too, one bearer token, no cookie, the exact content length."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        data: Any = {"task_id": "1", "task_status": "submitted"}
        return httpx.Response(200, json={"code": 0, "data": data}, headers={"set-cookie": "a=b"})

    with httpx.Client(
        transport=httpx.MockTransport(answer), headers={"x-mine": "1"}, cookies={"c": "d"}
    ) as http:
        kling = Kling(api_key="the-key", http_client=http)
        kling.image_to_video.create(image=PICTURE)
        kling.text_to_video.get("1")
        kling.text_to_video.list()
    assert [request.method for request in seen] == ["POST", "GET", "GET"]
    for request in seen:
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == "Bearer the-key"
        assert not {"cookie", "x-mine"} & set(request.headers)
        assert request.url.host == "api-singapore.klingai.com"
    assert int(seen[0].headers["content-length"]) == len(seen[0].content)
    assert "transfer-encoding" not in seen[0].headers
    assert json.loads(seen[0].content)["image"] == B64["picture"]


# --- reading the tables --------------------------------------------------------------------


def _filled(value: Any, clip: str, name: str) -> Any:
    """The request with the real clip and an external id of its own."""
    if isinstance(value, dict):
        return {key: _filled(inner, clip, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, clip, name) for inner in value]
    if value == CLIP:
        return clip
    return value.format(name) if isinstance(value, str) and value == "mine-{}" else value


def _received(sandbox: Sandbox, task_id: str) -> dict[str, Any]:
    (request,) = [task.request for task in sandbox.tasks if task.task_id == task_id]
    return json.loads(json.dumps(request))


def _types_match(value: Any, table: Any) -> bool:
    """Whether a value has the JSON types of its table, and no key beyond it."""
    if isinstance(table, dict):
        return isinstance(value, dict) and all(
            key in table and _types_match(inner, table[key]) for key, inner in value.items()
        )
    if isinstance(table, list):
        return isinstance(value, list) and all(_types_match(inner, table[0]) for inner in value)
    if table is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is table


def _wrong(value: Any, table: Any, place: str = "") -> Iterator[str]:
    """Nulls, empty texts and data URIs anywhere, and values of another type than the table's."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("data:")):
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _wrong(inner, table.get(key), f"{place}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _wrong(inner, table[0], place)
    elif not _types_match(value, table):
        yield place


def _places(table: Any, place: str = "") -> Iterator[str]:
    """Every place of a value, `input.image` or `multi_prompt.index`."""
    if isinstance(table, dict):
        for key, inner in table.items():
            yield from _places(inner, f"{place}.{key}" if place else key)
    elif isinstance(table, list):
        for inner in table:
            yield from _places(inner, place)
    else:
        yield place
