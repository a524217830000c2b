"""Tasks over their life: states, ids, lists, slots, balances, moderation, retention, models."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

T2V = "/v1/videos/text2video"
I2V = "/v1/videos/image2video"
EXTEND = "/v1/videos/video-extend"
LIPS = "/v1/videos/lip-sync"
IMAGES = "/v1/images/generations"
EFFECTS = "/v1/videos/effects"
MULTI = "/v1/videos/multi-image2video"
TRY_ON = "/v1/images/kolors-virtual-try-on"

BOAT = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}
DAY = 24 * 3600


class Clock:
    """A clock that a test can turn."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_states_follow_each_other(start: Any) -> None:
    """A task is submitted at once, processing later, and shows a result only at its end."""
    api = start(speed=60)
    created = api.create(T2V, BOAT)
    seen: list[str] = [created["task_status"]]
    while seen[-1] not in ("succeed", "failed"):
        data = api.get(f"{T2V}/{created['task_id']}").json()["data"]
        assert ("task_result" in data) == (data["task_status"] == "succeed")
        if data["task_status"] != seen[-1]:
            seen.append(data["task_status"])
    assert seen == ["submitted", "processing", "succeed"]
    assert data["updated_at"] > data["created_at"] == created["created_at"]


def test_speed_scales_the_nominal_time(start: Any) -> None:
    """Half a minute of the service takes half a second at speed 60, and no less."""
    api = start(speed=60)
    began = time.monotonic()
    api.finish(T2V, BOAT)
    assert 0.45 < time.monotonic() - began < 5


def test_unknown_task(api: Any) -> None:
    """An unknown id is 400/1201 with the live text; so is another endpoint's task."""
    task_id = api.create(T2V, BOAT)["task_id"]
    for path, any_id in ((T2V, "404"), (I2V, task_id), (IMAGES, "my-id"), (T2V, "a/b")):
        answer = api.get(f"{path}/{any_id}")
        assert answer.status_code == 400
        assert answer.json()["message"] == f"Task not found by id/external id: {any_id}"
        assert answer.json()["code"] == 1201


def test_external_id_is_used_once(api: Any) -> None:
    """A second create with the same external id is refused on any endpoint, even after the end."""
    api.finish(T2V, BOAT | {"external_task_id": "boat"})
    text = "External_task_id boat already exists"
    assert api.refused(T2V, BOAT | {"external_task_id": "boat"}) == text
    assert api.refused(IMAGES, {"prompt": "a", "external_task_id": "boat"}) == text
    assert len(api.sandbox.tasks) == 1
    assert api.sandbox.stats.billed_tasks == 1


def test_empty_external_id_means_none(api: Any) -> None:
    """An empty string is not an id; two tasks may have it."""
    for _ in range(2):
        data = api.create(T2V, BOAT | {"external_task_id": ""})
        assert data["task_info"] == {"external_task_id": ""}


def test_lip_sync_has_no_external_id(api: Any) -> None:
    """The first lip-sync does not know the field: it is ignored and recorded."""
    clip = api.finish(T2V, BOAT)["task_result"]["videos"][0]
    given = {
        "video_id": clip["id"],
        "mode": "text2video",
        "text": "hi",
        "voice_id": "oversea_male1",
        "voice_language": "en",
    }
    body = {"input": given, "external_task_id": "lips"}
    assert api.create(LIPS, body)["task_info"] == {"external_task_id": ""}
    assert api.sandbox.stats.unknown_keys == [("lip_sync", "external_task_id")]


def test_double_slashes_are_one(api: Any) -> None:
    """The official client polls try-on with a double slash before the id."""
    task_id = api.create(T2V, BOAT)["task_id"]
    answer = httpx.get(
        f"{api.sandbox.url}//v1/videos/text2video//{task_id}",
        headers={"Authorization": f"Bearer {api.sandbox.api_key}"},
        trust_env=False,
    )
    assert answer.json()["data"]["task_id"] == task_id


def test_list_pages_newest_first(start: Any) -> None:
    """Pages cut the endpoint's own tasks; a page past the end is empty."""
    api = start(limit=20)
    ids = [api.create(T2V, BOAT)["task_id"] for _ in range(5)]
    api.create(IMAGES, {"prompt": "a pear"})

    def page(**params: Any) -> list[str]:
        return [item["task_id"] for item in api.get(T2V, **params).json()["data"]]

    assert page() == ids[::-1]
    assert page(pageNum=2, pageSize=2) == ids[::-1][2:4]
    assert page(pageNum=3, pageSize=2) == ids[:1]
    assert page(pageNum=9, pageSize=500) == []
    assert len(api.get(IMAGES).json()["data"]) == 1


@pytest.mark.parametrize(
    "params, field",
    [
        ({"pageNum": 0}, "pageNum"),
        ({"pageNum": 1001}, "pageNum"),
        ({"pageSize": 0}, "pageSize"),
        ({"pageSize": 501}, "pageSize"),
        ({"pageSize": "many"}, "pageSize"),
        ({"pageNum": -1}, "pageNum"),
    ],
)
def test_list_bounds(api: Any, params: dict[str, Any], field: str) -> None:
    """Pages go from 1 to 1000, sizes from 1 to 500."""
    answer = api.get(T2V, **params)
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert field in answer.json()["message"]


def test_lists_can_be_shuffled(start: Any) -> None:
    """The order of a list is not documented; the option makes every order happen."""
    api = start(limit=20, shuffle_lists=True)
    ids = [api.create(T2V, BOAT)["task_id"] for _ in range(6)]
    orders = {tuple(item["task_id"] for item in api.get(T2V).json()["data"]) for _ in range(20)}
    assert len(orders) > 1
    assert all(sorted(order) == sorted(ids) for order in orders)


def test_slots_of_videos_and_try_ons(start: Any, picture: str) -> None:
    """The task over the limit is 429/1303 without data; other products and reads go on."""
    api = start(limit=2, speed=1)
    for _ in range(2):
        api.create(T2V, BOAT)
    answer = api.post(I2V, {"model_name": "kling-v3", "image": picture})
    assert answer.status_code == 429
    assert answer.json()["code"] == 1303
    assert answer.json()["message"] == "parallel task over resource pack limit"
    assert "data" not in answer.json()
    assert len(api.get(T2V).json()["data"]) == 2
    for _ in range(2):
        api.create(TRY_ON, {"human_image": picture, "cloth_image": picture})
    answer = api.post(TRY_ON, {"human_image": picture, "cloth_image": picture})
    assert answer.json()["code"] == 1303
    assert api.sandbox.stats.peak_running == {"video": 2, "try_on": 2}


def test_slots_of_images_count_n(start: Any) -> None:
    """An image task takes `n` slots, and gives them back at its end."""
    api = start(image_limit=9, speed=100)
    api.create(IMAGES, {"prompt": "a", "n": 6})
    assert api.post(IMAGES, {"prompt": "a", "n": 4}).json()["code"] == 1303
    api.create(IMAGES, {"prompt": "a", "n": 3})
    assert api.sandbox.stats.peak_running["image"] == 9
    assert api.sandbox.wait_idle()
    api.create(IMAGES, {"prompt": "a", "n": 9})


def test_balance(start: Any) -> None:
    """Units go with success; a task beyond the balance is 429/1102; packs are separate."""
    api = start(units="2", image_units=0)
    assert api.finish(T2V, BOAT)["final_unit_deduction"] == "1.5"
    answer = api.post(T2V, BOAT)
    assert (answer.status_code, answer.json()["code"]) == (429, 1102)
    assert answer.json()["message"] == "Account balance not enough"
    assert api.post(IMAGES, {"prompt": "a"}).json()["code"] == 1102
    assert str(api.sandbox.balances["video"]) == "0.5"
    assert {pack: str(units) for pack, units in api.sandbox.stats.billed_units.items()} == {
        "video": "1.5"
    }


def test_balance_counts_running_tasks(start: Any) -> None:
    """Two tasks that only together exceed the balance: the second one is refused."""
    api = start(units="2", speed=1)
    api.create(T2V, BOAT)
    assert api.post(T2V, BOAT).json()["code"] == 1102


def test_account_costs(api: Any) -> None:
    """The packs with what remains; both times are needed, in the documented spelling."""
    api.finish(T2V, BOAT)
    for params in ({}, {"start_time": 1}, {"startTime": 1, "endTime": 2}):
        answer = api.get("/account/costs", **params)
        assert (answer.status_code, answer.json()["code"]) == (400, 1200)
        assert answer.json()["message"] == "Missing Request Parameter"
    data = api.get("/account/costs", start_time=1, end_time=2).json()["data"]
    assert data["code"] == 0
    video, image = data["resource_pack_subscribe_infos"]
    assert (video["total_quantity"], video["remaining_quantity"]) == (1000.0, 998.5)
    assert (image["remaining_quantity"], image["status"]) == (10000.0, "online")
    name = image["resource_pack_name"]
    filtered = api.get("/account/costs", start_time=1, end_time=2, resource_pack_name=name)
    assert filtered.json()["data"]["resource_pack_subscribe_infos"][0]["resource_pack_name"] == name


def test_moderation_fails_an_accepted_task(api: Any) -> None:
    """The word that stands for moderated content: accepted, failed later, free."""
    data = api.finish(T2V, BOAT | {"negative_prompt": "some Forbidden-Content here"})
    assert data["task_status"] == "failed"
    assert data["task_status_msg"] == "Failure to pass the risk control system"
    assert data["final_unit_deduction"] == "0"
    assert api.sandbox.balances["video"] == 1000


def test_retention(start: Any) -> None:
    """After 30 days the task, its file, its video id and its external id are gone."""
    clock = Clock()
    api = start(clock=clock)
    data = api.finish(T2V, BOAT | {"external_task_id": "old", "model_name": "kling-v1-6"})
    video = data["task_result"]["videos"][0]
    clock.ahead = 29.9 * DAY
    assert httpx.get(video["url"], trust_env=False).status_code == 200
    clock.ahead = 30.1 * DAY
    assert httpx.get(video["url"], trust_env=False).status_code == 404
    assert api.get(f"{T2V}/{data['task_id']}").json()["code"] == 1201
    assert api.get(T2V).json()["data"] == []
    text = f"From video not found by id: {video['id']}"
    assert api.refused(EXTEND, {"video_id": video["id"]}) == text
    api.create(T2V, BOAT | {"external_task_id": "old"})


def test_extension_wants_a_fitting_video(start: Any, picture: str) -> None:
    """Task ids, clips of newer models, effects, and kling-v1 with a negative prompt are refused."""
    api = start()
    newer = api.finish(T2V, BOAT)
    effect = api.finish(EFFECTS, {"effect_scene": "pet_dance", "input": {"image": picture}})
    first = api.finish(T2V, {"model_name": "kling-v1", "prompt": "a"})
    text = f"From video not found by id: {newer['task_id']}"
    assert api.refused(EXTEND, {"video_id": newer["task_id"]}) == text
    for data in (newer, effect):
        body = {"video_id": data["task_result"]["videos"][0]["id"]}
        assert "cannot be extended" in api.refused(EXTEND, body)
    video_id = first["task_result"]["videos"][0]["id"]
    for extra in ({"negative_prompt": "fog"}, {"cfg_scale": 0.4}):
        message = api.refused(EXTEND, {"video_id": video_id} | extra)
        assert next(iter(extra)) in message


def test_extension_stops_at_three_minutes(start: Any) -> None:
    """A clip that would grow beyond 180 s is refused."""
    from dataclasses import replace

    api = start()
    api.finish(T2V, {"model_name": "kling-v1-6", "prompt": "a"})
    (task,) = api.sandbox.tasks
    (made,) = task.outputs
    made.output = replace(made.output, seconds=176.0)
    assert "3 minutes" in api.refused(EXTEND, {"video_id": made.video_id})
    made.output = replace(made.output, seconds=175.0)
    api.create(EXTEND, {"video_id": made.video_id})


def test_retired_models_warn(api: Any, picture: str) -> None:
    """By default what the live service has closed still works, and the message says so."""
    answer = api.post(T2V, {"prompt": "an old text names no model"}).json()
    assert answer["code"] == 0
    assert answer["message"].startswith("SUCCEED")
    assert "kling-v1 is discontinued" in answer["message"]
    answer = api.post(MULTI, {"image_list": [{"image": picture}]}).json()
    assert "no longer available" in answer["message"]
    answer = api.post(EFFECTS, {"effect_scene": "squish", "input": {"image": picture}}).json()
    assert "squish" in answer["message"]
    assert api.post(T2V, BOAT).json()["message"] == "SUCCEED"


def test_retired_models_refused(start: Any, picture: str) -> None:
    """When asked to answer as the live service does, they are refused."""
    api = start(retired="refuse")
    assert "discontinued" in api.refused(T2V, {"prompt": "a"}, 1203)
    assert "no longer available" in api.refused(MULTI, {"image_list": [{"image": picture}]}, 1203)
    assert "no longer available" in api.refused(EXTEND, {"video_id": "1"}, 1203)
    effect = {"effect_scene": "squish", "input": {"image": picture}}
    assert "effect_scene" in api.refused(EFFECTS, effect)
    api.create(T2V, BOAT)
