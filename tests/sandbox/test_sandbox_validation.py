"""What each wire contract refuses, by code and by the field its message names."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from helpers.api import Api, encoded, png

from kling_core.sandbox import Sandbox

T2V = "/v1/videos/text2video"
I2V = "/v1/videos/image2video"
MULTI = "/v1/videos/multi-image2video"
EXTEND = "/v1/videos/video-extend"
LIPS = "/v1/videos/lip-sync"
EFFECTS = "/v1/videos/effects"
IMAGES = "/v1/images/generations"
TRY_ON = "/v1/images/kolors-virtual-try-on"

PIC = encoded(png(320, 320))
SHOT = {"index": 1, "prompt": "a", "duration": "5"}
POINTS = [{"x": 1, "y": 1}, {"x": 2, "y": 2}]
ZOOM = {"type": "simple", "config": {"zoom": 5}}
TEXT = {"mode": "text2video", "text": "hi", "voice_id": "oversea_male1", "voice_language": "en"}
BIG = encoded(b"\x89PNG\r\n\x1a\n" + bytes(10 * 1024 * 1024))


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One sandbox for all refusals; none of them leaves a task behind."""
    with (
        Sandbox(quality="test", speed=2000) as sandbox,
        httpx.Client(
            base_url=sandbox.url,
            headers={"Authorization": f"Bearer {sandbox.api_key}"},
            trust_env=False,
        ) as client,
    ):
        yield Api(sandbox, client)
        assert sandbox.tasks == []


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (T2V, {"model_name": "kling-v3"}, "prompt is required"),
    (T2V, {"model_name": "kling-v3", "prompt": ""}, "prompt is required"),
    (T2V, {"model_name": "kling-v3", "prompt": None}, "prompt is required"),
    (T2V, {"model_name": "kling-v3", "prompt": ["a"]}, "prompt value"),
    (T2V, {"model_name": "kling-v3", "prompt": "a" * 2501}, "prompt length 2501"),
    (T2V, {"model_name": 3, "prompt": "a"}, "model_name value '3' is invalid"),
    (T2V, {"model_name": "kling-v2-1", "prompt": "a"}, "model_name value 'kling-v2-1' is invalid"),
    (T2V, {"model_name": "kling-v2-6", "prompt": "a", "duration": "7"}, "duration value '7'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "duration": "2"}, "duration value '2'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "duration": 5.5}, "duration value '5.5'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "duration": True}, "duration value 'True'"),
    (T2V, {"model_name": "kling-v2-6", "prompt": "a", "mode": "4k"}, "mode value '4k'"),
    (T2V, {"model_name": "kling-v2-6", "prompt": "a", "mode": "fast"}, "mode value 'fast'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "cfg_scale": 2}, "cfg_scale value '2'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "cfg_scale": "0.5"}, "cfg_scale value"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "aspect_ratio": "4:3"}, "aspect_ratio value"),
    (T2V, {"model_name": "kling-v2-6", "prompt": "a", "sound": "on"}, "sound is not supported"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "sound": True}, "sound value 'True'"),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "camera_control": ZOOM}, "camera_control"),
    (
        T2V,
        {"model_name": "kling-v1", "prompt": "a", "mode": "pro", "camera_control": ZOOM},
        "camera_control is not supported",
    ),
    (
        T2V,
        {
            "model_name": "kling-v1",
            "prompt": "a",
            "camera_control": {"type": "simple", "config": {"zoom": 5, "pan": 1}},
        },
        "exactly one value must be non-zero",
    ),
    (
        T2V,
        {
            "model_name": "kling-v1",
            "prompt": "a",
            "camera_control": {"type": "simple", "config": {"zoom": 11}},
        },
        "camera_control.config.zoom value '11'",
    ),
    (
        T2V,
        {
            "model_name": "kling-v1",
            "prompt": "a",
            "camera_control": {"type": "down_back", "config": {"zoom": 1}},
        },
        "camera_control.config",
    ),
    (T2V, {"model_name": "kling-v2-6", "prompt": "a", "multi_shot": True}, "multi_shot"),
    (T2V, {"model_name": "kling-v3", "multi_shot": True}, "shot_type is required"),
    (
        T2V,
        {"model_name": "kling-v3", "multi_shot": True, "shot_type": "intelligence"},
        "prompt is required",
    ),
    (
        T2V,
        {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize"},
        "multi_prompt is required",
    ),
    (
        T2V,
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [SHOT, SHOT],
        },
        "multi_prompt durations sum to 10",
    ),
    (
        T2V,
        {
            "model_name": "kling-v3",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [SHOT] * 7,
        },
        "multi_prompt size 7",
    ),
    (T2V, {"model_name": "kling-v3", "prompt": "a", "watermark_info": []}, "watermark_info"),
    (I2V, {"model_name": "kling-v3"}, "image or image_tail is required"),
    (I2V, {"model_name": "kling-v3", "image_tail": PIC}, "image_tail is not supported"),
    (
        I2V,
        {"model_name": "kling-v2-6", "image": PIC, "image_tail": PIC},
        "image_tail is not supported",
    ),
    (
        I2V,
        {
            "model_name": "kling-v2-6",
            "image": PIC,
            "image_tail": PIC,
            "mode": "pro",
            "sound": "on",
        },
        "sound must be off",
    ),
    (
        I2V,
        {"model_name": "kling-v3", "image": f"data:image/png;base64,{PIC}"},
        "File is not in a valid base64 format",
    ),
    (
        I2V,
        {"model_name": "kling-v3", "image": "photo.png"},
        "File is not in a valid base64 format",
    ),
    (I2V, {"model_name": "kling-v3", "image": encoded(b"no picture")}, "image file format"),
    (I2V, {"model_name": "kling-v3", "image": encoded(b"RIFF1234WEBPVP8 ")}, "image file format"),
    (I2V, {"model_name": "kling-v3", "image": BIG}, "image file size exceeds the limit of 10MB"),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": PIC,
            "image_tail": PIC,
            "static_mask": PIC,
        },
        "cannot be used together",
    ),
    (
        I2V,
        {
            "model_name": "kling-v1-5",
            "mode": "pro",
            "image": PIC,
            "static_mask": PIC,
            "camera_control": ZOOM,
        },
        "cannot be used together",
    ),
    (I2V, {"model_name": "kling-v3", "image": PIC, "static_mask": PIC}, "static_mask"),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": PIC,
            "dynamic_masks": [{"mask": PIC, "trajectories": POINTS[:1]}],
        },
        "dynamic_masks[0].trajectories size 1",
    ),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": PIC,
            "dynamic_masks": [{"mask": PIC, "trajectories": [{"x": 1}, {"x": 1}]}],
        },
        "dynamic_masks[0].trajectories[0].y is required",
    ),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": PIC,
            "dynamic_masks": [{"mask": PIC, "trajectories": POINTS}] * 7,
        },
        "dynamic_masks size 7",
    ),
    (
        I2V,
        {
            "model_name": "kling-v1-5",
            "mode": "pro",
            "image": PIC,
            "camera_control": {"type": "down_back"},
        },
        "camera_control.type",
    ),
    (
        I2V,
        {
            "model_name": "kling-v2-6",
            "image": PIC,
            "mode": "pro",
            "voice_list": [{"voice_id": "1"}],
        },
        "sound must be on",
    ),
    (
        I2V,
        {"model_name": "kling-v3", "image": PIC, "element_list": [{"element_id": 1}] * 4},
        "element_list size 4",
    ),
    (MULTI, {"prompt": "a"}, "image_list is required"),
    (MULTI, {"prompt": "a", "image_list": []}, "image_list size 0"),
    (MULTI, {"prompt": "a", "image_list": [PIC]}, "image_list[0] value"),
    (MULTI, {"prompt": "a", "image_list": [{"image": PIC}] * 5}, "image_list size 5"),
    (MULTI, {"prompt": "a", "image_list": [{}]}, "image_list[0].image is required"),
    (EXTEND, {}, "video_id is required"),
    (EXTEND, {"video_id": "123"}, "From video not found by id: 123"),
    (LIPS, {}, "input is required"),
    (LIPS, {"input": {**TEXT}}, "exactly one of input.video_id and input.video_url"),
    (LIPS, {"input": {**TEXT, "video_id": "9"}}, "From video not found by id: 9"),
    (LIPS, {"input": {**TEXT, "video_url": "clip.mp4"}}, "input.video_url value 'clip.mp4'"),
    (LIPS, {"input": {"video_url": "https://a/b.mp4"}}, "input.mode is required"),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "text": "a" * 121}},
        "input.text length 121",
    ),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "voice_id": None}},
        "Voice language not found",
    ),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "voice_language": "fr"}},
        "Voice language not found",
    ),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "voice_id": "nobody"}},
        "Voice id not found",
    ),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "voice_language": "zh"}},
        "Voice id not found",
    ),
    (
        LIPS,
        {"input": {**TEXT, "video_url": "https://a/b.mp4", "voice_speed": 3}},
        "input.voice_speed value '3'",
    ),
    (
        LIPS,
        {"input": {"video_url": "https://a/b.mp4", "mode": "audio2video"}},
        "input.audio_type is required",
    ),
    (
        LIPS,
        {
            "input": {
                "video_url": "https://a/b.mp4",
                "mode": "audio2video",
                "audio_type": "file",
                "audio_file": encoded(b"text"),
            }
        },
        "input.audio_file file format",
    ),
    (EFFECTS, {"input": {"image": PIC}}, "effect_scene is required"),
    (EFFECTS, {"effect_scene": "no_such", "input": {"image": PIC}}, "effect_scene value 'no_such'"),
    (EFFECTS, {"effect_scene": "pet_dance"}, "input is required"),
    (EFFECTS, {"effect_scene": "pet_dance", "input": {"images": [PIC]}}, "input.image is required"),
    (EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [PIC]}}, "input.images size 1"),
    (
        EFFECTS,
        {"effect_scene": "pet_dance", "input": {"image": PIC, "duration": "7"}},
        "input.duration value '7'",
    ),
    (IMAGES, {}, "prompt is required"),
    (IMAGES, {"prompt": "a", "n": 10}, "n value '10'"),
    (IMAGES, {"prompt": "a", "n": 0}, "n value '0'"),
    (IMAGES, {"prompt": "a", "resolution": "4k"}, "resolution value '4k'"),
    (IMAGES, {"prompt": "a", "aspect_ratio": "5:4"}, "aspect_ratio value '5:4'"),
    (IMAGES, {"prompt": "a", "model_name": "kling-v2-6"}, "model_name value 'kling-v2-6'"),
    (
        IMAGES,
        {"prompt": "a", "model_name": "kling-v1", "aspect_ratio": "21:9"},
        "aspect_ratio value '21:9'",
    ),
    (IMAGES, {"prompt": "a", "image": PIC, "negative_prompt": "b"}, "negative_prompt"),
    (
        IMAGES,
        {"prompt": "a", "model_name": "kling-v2-1", "image_reference": "face"},
        "image is required",
    ),
    (
        IMAGES,
        {"prompt": "a", "model_name": "kling-v1-5", "image": PIC},
        "image_reference is required",
    ),
    (
        IMAGES,
        {"prompt": "a", "image": PIC, "image_reference": "face"},
        "image_reference is not supported by kling-v3",
    ),
    (TRY_ON, {"cloth_image": PIC}, "human_image is required"),
    (TRY_ON, {"human_image": PIC}, "cloth_image is required"),
    (
        TRY_ON,
        {"human_image": PIC, "cloth_image": PIC, "model_name": "kling-v1"},
        "model_name value 'kling-v1'",
    ),
]


@pytest.mark.parametrize("path, body, text", REFUSED)
def test_refused(api: Api, path: str, body: dict[str, Any], text: str) -> None:
    """A wrong body is 400/1201 and the message names the field; nothing is accepted."""
    assert text in api.refused(path, body)


def test_unknown_model_does_not_exist(api: Api) -> None:
    """A model that nobody knows is 404/1203."""
    answer = api.post(T2V, {"model_name": "kling-v9", "prompt": "a"})
    assert (answer.status_code, answer.json()["code"]) == (404, 1203)
    assert "kling-v9" in answer.json()["message"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_body_that_is_no_object(api: Api, raw: bytes) -> None:
    """What is not a JSON object is 400/1200."""
    answer = api.http.post(T2V, content=raw)
    assert (answer.status_code, answer.json()["code"]) == (400, 1200)


def test_unknown_paths_and_methods(api: Api) -> None:
    """Unknown paths are 404/1203, wrong methods 404/1202."""
    for path in ("/", "/v1/videos/nothing", "/v1/tasks/1", "/tasks", "/text-to-video/kling-3.0"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, 1203), path
    for method in ("PUT", "DELETE", "PATCH"):
        answer = api.http.request(method, T2V)
        assert (answer.status_code, answer.json()["code"]) == (404, 1202)


def test_policy_words_are_refused_at_once(api: Api) -> None:
    """The word that stands for a policy hit is 400/1301 at submit."""
    answer = api.post(T2V, {"model_name": "kling-v3", "prompt": "a policy-refused scene"})
    assert (answer.status_code, answer.json()["code"]) == (400, 1301)


def test_what_is_ignored_is_recorded(start: Any, picture: str) -> None:
    """Unknown keys and nulls change nothing, but the statistics tell them."""
    api = start()
    body = {
        "model": "kling-v1",
        "model_name": "kling-v2-master",
        "prompt": "a",
        "mode": "pro",
        "cfg_scale": 0.7,
        "seed": 7,
        "negative_prompt": None,
        "watermark_info": {"enabled": False, "text": "mine"},
    }
    api.create(T2V, body)
    api.create(I2V, {"model_name": "kling-v3", "image": picture, "aspect_ratio": "1:1"})
    stats = api.sandbox.stats
    assert sorted(stats.unknown_keys) == [
        ("image_to_video", "aspect_ratio"),
        ("text_to_video", "model"),
        ("text_to_video", "seed"),
        ("text_to_video", "watermark_info.text"),
    ]
    assert stats.null_keys == [("text_to_video", "negative_prompt")]


def test_base64_with_line_breaks_is_refused(api: Api) -> None:
    """Only raw base64 is a file."""
    broken = base64.encodebytes(png(320, 320)).decode()
    message = api.refused(I2V, {"model_name": "kling-v3", "image": broken})
    assert message == "File is not in a valid base64 format"


LATER: list[tuple[str, dict[str, Any], str]] = [
    (I2V, {"image": encoded(png(338, 191))}, "Image pixel is invalid"),
    (I2V, {"image": encoded(png(900, 300))}, "Image aspect ratio is invalid"),
    (I2V, {"image": encoded(png(320, 320)[:200])}, ""),
    (I2V, {"image": encoded(b"\xff\xd8\xff broken")}, "Image format is invalid"),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": encoded(png(480, 320)),
            "static_mask": encoded(png(320, 320)),
        },
        "aspect ratio of the mask",
    ),
    (
        I2V,
        {
            "model_name": "kling-v1",
            "image": encoded(png(480, 320)),
            "static_mask": encoded(png(960, 640)),
            "dynamic_masks": [{"mask": encoded(png(480, 320)), "trajectories": POINTS}],
        },
        "resolution of dynamic_masks and static_mask",
    ),
]


@pytest.mark.parametrize("path, body, text", LATER)
def test_pixels_fail_the_task_later(start: Any, path: str, body: dict[str, Any], text: str) -> None:
    """Wrong pixels are accepted and fail the task after a while, free of charge."""
    api = start()
    data = api.finish(path, {"model_name": "kling-v3"} | body)
    assert data["task_status"] == "failed"
    assert text in data["task_status_msg"]
    assert data["task_status_msg"]
    assert "task_result" not in data
    assert data["final_unit_deduction"] == "0"
    assert api.sandbox.stats.billed_tasks == 0
