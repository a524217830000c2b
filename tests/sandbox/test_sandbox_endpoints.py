"""Each endpoint's way from a POST to a decoded result, over raw HTTP."""

from __future__ import annotations

import io
import math
import struct
import wave
from typing import Any

import pytest
from helpers.api import Api, encoded

T2V = "/v1/videos/text2video"
I2V = "/v1/videos/image2video"
MULTI = "/v1/videos/multi-image2video"
EXTEND = "/v1/videos/video-extend"
LIPS = "/v1/videos/lip-sync"
EFFECTS = "/v1/videos/effects"
IMAGES = "/v1/images/generations"
TRY_ON = "/v1/images/kolors-virtual-try-on"


def only_video(data: dict[str, Any]) -> dict[str, Any]:
    assert data["task_status"] == "succeed", data
    (video,) = data["task_result"]["videos"]
    return video


def tone(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = (int(9000 * math.sin(n / 3)) for n in range(int(8000 * seconds)))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return out.getvalue()


def test_text_to_video(api: Api, look: Any) -> None:
    """The clip has the asked ratio and length, and every field of the documented shapes."""
    body = {
        "model_name": "kling-v2-6",
        "prompt": "a boat",
        "aspect_ratio": "9:16",
        "duration": "5",
        "external_task_id": "boat-1",
        "watermark_info": {"enabled": True},
    }
    created = api.create(T2V, body)
    assert created["task_status"] == "submitted"
    assert created["task_info"] == {"external_task_id": "boat-1"}
    assert created["created_at"] == created["updated_at"] > 10**12
    assert len(created["task_id"]) == 18
    assert created["task_id"].isdigit()
    assert api.sandbox.wait_idle()
    data = api.get(f"{T2V}/{created['task_id']}").json()["data"]
    assert data == api.get(f"{T2V}/boat-1").json()["data"]
    assert data["final_unit_deduction"] == "1.5"
    assert data["watermark_info"] == {"enabled": True}
    assert data["task_info"] == {"external_task_id": "boat-1"}
    video = only_video(data)
    assert video["duration"] == "5"
    assert video["id"] != data["task_id"]
    clip = look(video["url"])
    assert (clip.codec, clip.audio) == ("h264", None)
    assert clip.seconds == pytest.approx(5, abs=0.05)
    assert clip.width / clip.height == pytest.approx(9 / 16, abs=0.02)
    assert look(video["watermark_url"]) == clip
    assert api.sandbox.stats.unknown_keys == []


def test_text_to_video_with_sound_and_shots(api: Api, look: Any) -> None:
    """kling-v3 makes several shots of the asked total length, with sound."""
    shots = [
        {"index": 1, "prompt": "a door", "duration": "2"},
        {"index": 2, "prompt": "a garden", "duration": "1"},
    ]
    body = {
        "model_name": "kling-v3",
        "multi_shot": "true",
        "shot_type": "customize",
        "multi_prompt": shots,
        "duration": 3,
        "sound": "on",
    }
    data = api.finish(T2V, body)
    assert data["final_unit_deduction"] == "2.7"
    clip = look(only_video(data)["url"])
    assert clip.audio == "aac"
    assert clip.seconds == pytest.approx(3, abs=0.05)


def test_image_to_video_follows_the_image(api: Api, picture: str, look: Any) -> None:
    """The clip has the ratio of its start image."""
    body = {"model_name": "kling-v2-5-turbo", "image": picture, "mode": "pro", "duration": "10"}
    data = api.finish(I2V, body)
    clip = look(only_video(data)["url"])
    assert clip.width / clip.height == pytest.approx(1.5, abs=0.03)
    assert clip.seconds == pytest.approx(10, abs=0.05)
    assert data["final_unit_deduction"] == "5"


def test_image_to_video_with_masks(api: Api, picture: str, look: Any) -> None:
    """The motion brush of kling-v1 is taken with points in pixels."""
    brush = {"mask": picture, "trajectories": [{"x": 10, "y": 10}, {"x": 200, "y": 100}]}
    body = {"model_name": "kling-v1", "image": picture, "dynamic_masks": [brush]}
    assert look(only_video(api.finish(I2V, body))["url"]).codec == "h264"


def test_image_to_video_from_end_frame_only(api: Api, picture: str, look: Any) -> None:
    """kling-v1-6 in pro mode makes a clip from its last frame alone."""
    body = {"model_name": "kling-v1-6", "mode": "pro", "image_tail": picture}
    assert look(only_video(api.finish(I2V, body))["url"]).codec == "h264"


def test_multi_image_to_video(api: Api, picture: str, look: Any) -> None:
    """Up to four pictures make one clip; the create reply has no `task_info`."""
    body = {"image_list": [{"image": picture}] * 4, "prompt": "friends", "aspect_ratio": "1:1"}
    assert "task_info" not in api.create(MULTI, body)
    assert api.sandbox.wait_idle()
    clip = look(only_video(api.get(MULTI).json()["data"][0])["url"])
    assert clip.width == clip.height


def test_extension_grows_its_parent_twice(api: Api, look: Any) -> None:
    """An extension holds the whole parent and 5 s more, can be extended, and names its parent."""
    first = only_video(api.finish(T2V, {"model_name": "kling-v1-6", "prompt": "a hill"}))
    data = api.finish(EXTEND, {"video_id": first["id"], "prompt": "then the sea"})
    second = only_video(data)
    parent = data["task_info"]["parent_video"]
    assert (parent["id"], parent["duration"]) == (first["id"], "5")
    assert look(second["url"]).seconds == pytest.approx(10, abs=0.05)
    assert second["duration"] == "10"
    third = only_video(api.finish(EXTEND, {"video_id": second["id"]}))
    assert look(third["url"]).seconds == pytest.approx(15, abs=0.05)


def test_lip_sync_by_text_and_by_sound(api: Api, look: Any) -> None:
    """Both modes end in a clip of the parent's length with an AAC track."""
    clip = only_video(api.finish(T2V, {"model_name": "kling-v2-6", "prompt": "a face"}))
    text = {
        "video_id": clip["id"],
        "mode": "text2video",
        "text": "Hello there",
        "voice_id": "oversea_male1",
        "voice_language": "en",
        "voice_speed": 1.2,
    }
    sound = {
        "video_id": clip["id"],
        "mode": "audio2video",
        "audio_type": "file",
        "audio_file": encoded(tone(3)),
    }
    for given in (text, sound):
        data = api.finish(LIPS, {"input": given})
        made = look(only_video(data)["url"])
        assert made.audio == "aac"
        assert made.seconds == pytest.approx(5, abs=0.1)
        assert data["task_info"]["parent_video"]["id"] == clip["id"]
        assert data["final_unit_deduction"] == "0.5"
    assert api.sandbox.stats.unknown_keys == []


def test_lip_sync_of_a_video_by_url(api: Api, look: Any) -> None:
    """A result's own URL and a foreign one are both taken; the foreign one is never opened."""
    clip = only_video(api.finish(T2V, {"model_name": "kling-v2-6", "prompt": "a face"}))
    for url in (clip["url"], "https://videos.example/face.mp4"):
        given = {
            "video_url": url,
            "mode": "audio2video",
            "audio_type": "url",
            "audio_url": "https://sounds.example/voice.mp3",
        }
        assert look(only_video(api.finish(LIPS, {"input": given}))["url"]).audio == "aac"


def test_effects_with_one_and_two_pictures(api: Api, picture: str, look: Any) -> None:
    """Single scenes take `image`, dual scenes two `images`."""
    one = api.finish(EFFECTS, {"effect_scene": "pet_dance", "input": {"image": picture}})
    two = api.finish(EFFECTS, {"effect_scene": "hug_pro", "input": {"images": [picture, picture]}})
    for data in (one, two):
        assert look(only_video(data)["url"]).seconds == pytest.approx(5, abs=0.05)
    older = {"images": [picture, picture], "model_name": "kling-v1-6", "duration": "10"}
    data = api.finish(EFFECTS, {"effect_scene": "hug", "input": older})
    assert look(only_video(data)["url"]).seconds == pytest.approx(10, abs=0.05)


def test_images_in_number_and_shape(api: Api, picture: str, look: Any) -> None:
    """`n` pictures of the asked ratio, indexed from 0; with a reference too."""
    data = api.finish(IMAGES, {"prompt": "a pear", "n": "3", "aspect_ratio": "3:4"})
    images = data["task_result"]["images"]
    assert [image["index"] for image in images] == [0, 1, 2]
    looks = [look(image["url"]) for image in images]
    assert {seen.codec for seen in looks} == {"png"}
    assert looks[0].width / looks[0].height == pytest.approx(3 / 4, abs=0.02)
    assert data["final_unit_deduction"] == "24"
    body = {
        "model_name": "kling-v2-1",
        "prompt": "in oil",
        "image": picture,
        "image_reference": "subject",
        "human_fidelity": 0.4,
    }
    (image,) = api.finish(IMAGES, body)["task_result"]["images"]
    assert look(image["url"]).codec == "png"


def test_try_on(api: Api, make_picture: Any, look: Any) -> None:
    """A person and a garment make one picture; URLs of other hosts get a stand-in."""
    body = {
        "model_name": "kolors-virtual-try-on-v1-5",
        "human_image": make_picture(400, 600),
        "cloth_image": "https://shop.example/shirt.png",
    }
    (image,) = api.finish(TRY_ON, body)["task_result"]["images"]
    assert look(image["url"]).codec == "png"


def test_a_result_can_be_the_next_input(api: Api, look: Any) -> None:
    """The URL of a made image can be animated, without a request for it."""
    (image,) = api.finish(IMAGES, {"prompt": "a fox", "aspect_ratio": "1:1"})["task_result"][
        "images"
    ]
    body = {"model_name": "kling-v3", "image": image["url"], "duration": "3"}
    video = only_video(api.finish(I2V, body))
    assert api.sandbox.stats.requests["GET", "/media/{token}"] == 0
    clip = look(video["url"])
    assert clip.width == clip.height
