"""The editions: what is sent where, asked how, and what an answer is read as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.path_per_model import frames, registered, scene, without_own_id

from kling_core.catalog import tables
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.editions import KNOWN
from kling_core.editions.base import FIRST, Edition, put, take
from kling_core.editions.choose import edition_of, load, named
from kling_core.editions.task_facts import read

SCENE, FRAMES = scene(), frames()
T2V, LIPS = registry.get("t2v"), registry.get("lip-sync")
V1, V2 = load("v1"), load("v2")
BOTH = [pytest.param(V1, id="v1"), pytest.param(V2, id="v2")]


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with registered(SCENE, FRAMES):
        yield


def body(endpoint: Endpoint, own_id: str | None = None, callback: str | None = None, **fields: Any):
    check = endpoint.request(**fields).require()
    return edition_of(endpoint).encode(endpoint, check, own_id=own_id, callback=callback)


# --- choosing --------------------------------------------------------------------------------


def test_the_edition_of_an_endpoint() -> None:
    """By what it declares; a row's name counts for more; one that we do not know is no trouble."""
    assert {edition_of(e) for e in registry.endpoints() if e not in (SCENE, FRAMES)} == {V1}
    assert edition_of(SCENE) is V2
    assert named("v2", T2V) is V2
    assert named(None, T2V) is named("v17", T2V) is V1


class Twofold(Request):
    """Make a clip by either edition."""

    prompt: str = param(doc="What it shows.")
    model_name: str | None = param(doc="The model.", default=None)
    duration: int = param(
        doc="Seconds.", default=5, wire={"v1": "length", "v2": "settings.duration"}
    )


@pytest.fixture
def twofold() -> Iterator[Endpoint]:
    """An endpoint on both editions: one model is on the first, one on the second, one on both."""
    routes = {"v1": "/v1/videos/twofold", "v2": "/twofold/{model}"}
    endpoint = scene(name="twofold", request=Twofold, routes=routes, example={"prompt": "a boat"})
    known = tables.load("models.json")["models"]
    like = {**known[0], "endpoints": {"twofold": {"modes": {"none": {"5": []}}}}}
    on = {"old": {"v1": "old"}, "new": {"v2": "new-1.0"}, "both": {"v1": "both", "v2": "both-1.0"}}
    known += [{**like, "model_name": name, "editions": there} for name, there in on.items()]
    tables._models.cache_clear()
    with registered(endpoint):
        yield endpoint
    del known[-len(on) :]
    tables._models.cache_clear()


def test_the_model_decides_where_an_endpoint_has_both(twofold: Endpoint) -> None:
    """By its row; on both the first route counts; of an unknown one nothing is said."""
    chosen = {name: edition_of(twofold, name) for name in ("old", "new", "both", "other", "")}
    assert chosen == {"old": V1, "new": V2, "both": V1, "other": V1, "": V1}
    assert named("v2", twofold, "both") is V2
    assert V1.route(twofold, "old").path == "/v1/videos/twofold"
    assert V2.route(twofold, "new").path == "/twofold/new-1.0"
    assert V2.route(twofold, "unheard-of").path == "/twofold/unheard-of"


def test_a_field_has_its_place_on_each_edition(twofold: Endpoint) -> None:
    """The model is a field of the one and part of the other's address."""
    check = twofold.request(prompt="a boat", model_name="both", duration=5).require()
    flat = {"prompt": "a boat", "model_name": "both", "length": 5}
    assert V1.encode(twofold, check, own_id=None) == flat
    nested = {"prompt": "a boat", "settings": {"duration": 5}}
    assert V2.encode(twofold, check, own_id=None) == nested


# --- writing ---------------------------------------------------------------------------------


def test_v1_writes_flat_bodies() -> None:
    """Our id and the callback stand beside the fields, the model too."""
    sent = body(T2V, "mine", "https://x.test/cb", prompt="a boat", model_name="kling-v2-6")
    assert sent == {
        "prompt": "a boat",
        "model_name": "kling-v2-6",
        "external_task_id": "mine",
        "callback_url": "https://x.test/cb",
    }
    speech = {"video_id": "11", "text": "Hello", "voice_id": "oversea_male1"}
    assert "external_task_id" not in body(LIPS, "mine", **speech)
    named_already = body(T2V, None, "https://x.test/cb", prompt="a", callback_url="https://y.test/")
    assert named_already["callback_url"] == "https://y.test/"


def test_v2_writes_options_and_settings() -> None:
    """At the top level our id and the callback would be ignored; the model is in the path only."""
    sent = body(
        SCENE,
        "mine",
        "https://x.test/cb",
        prompt="a boat",
        model_name="kling-3.0",
        duration=3,
        watermark_info=True,
    )
    assert sent == {
        "prompt": "a boat",
        "settings": {"duration": 3},
        "options": {
            "watermark_info": {"enabled": True},
            "external_task_id": "mine",
            "callback_url": "https://x.test/cb",
        },
    }
    assert V2.route(SCENE, "kling-3.0").path == "/text-to-video/kling-3.0"
    assert V2.route(SCENE, "a/b").path == "/text-to-video/a%2Fb"
    assert V2.route(SCENE, "m", path="/omni-video/{model}").path == "/omni-video/m"


def test_v2_writes_contents() -> None:
    """All that is said of one material is in one item; each entry of a list is an item."""
    refer = [{"url": "https://x.test/1.png", "id": "one"}, {"url": "https://x.test/2", "id": "two"}]
    sent = body(
        FRAMES,
        prompt="@one meets @two",
        image="https://x.test/a.png",
        image_name="start",
        references=refer,
        voices=["v1", "v2"],
        model_name="kling-3.0",
    )
    assert sent["contents"] == [
        {"type": "prompt", "text": "@one meets @two"},
        {"type": "first_frame", "url": "https://x.test/a.png", "id": "start"},
        {"type": "refer_image", "url": "https://x.test/1.png", "id": "one"},
        {"type": "refer_image", "url": "https://x.test/2", "id": "two"},
        {"type": "voice", "voice_id": "v1"},
        {"type": "voice", "voice_id": "v2"},
    ]


@pytest.mark.parametrize("edition", BOTH)
def test_places_in_a_body(edition: Edition) -> None:
    """What is written at the places of an edition can be taken out again, and leaves nothing."""
    made: dict[str, Any] = {"prompt": "a"}
    put(made, edition.own_id_place, "mine")
    put(made, edition.callback_place, "https://x.test/")
    assert take(made, edition.own_id_place) == "mine"
    assert take(made, edition.callback_place) == "https://x.test/"
    assert made == {"prompt": "a"}
    assert take(made, edition.own_id_place) is None


# --- asking ----------------------------------------------------------------------------------


def test_v1_asks_below_the_path_of_the_create() -> None:
    """For one task at a time, by either id, and for pages of the endpoint."""
    ask = V1.by_ids("/v1/videos/text2video", ["a/b"])
    assert (ask.method, ask.path) == ("GET", "/v1/videos/text2video/a%2Fb")
    assert V1.by_own_id("/p", "mine").path == "/p/mine"
    assert len(V1.by_name("/p", "mine")) == 1
    first = V1.page("/p", FIRST, 30)
    assert (first.method, first.path) == ("GET", "/p")
    assert first.query == {"pageNum": 1, "pageSize": 30}


def test_v2_asks_in_one_place() -> None:
    """For twenty ids at once, by own ids apart, and for pages of the account by a cursor."""
    ask = V2.by_ids("/anything", ["1", "2"])
    assert (ask.method, ask.path, ask.query) == ("GET", "/tasks", {"task_ids": "1,2"})
    assert V2.by_own_id("/anything", "mine").query == {"external_task_ids": "mine"}
    assert [list(ask.query or ()) for ask in V2.by_name("", "831922345719271433")] == [
        ["task_ids"],
        ["external_task_ids"],
    ]
    assert [list(ask.query or ()) for ask in V2.by_name("", "kc-1")] == [
        ["external_task_ids"],
        ["task_ids"],
    ]
    page = V2.page("", "next", 500)
    assert (page.method, page.path, page.body) == (
        "POST",
        "/tasks",
        {"cursor": "next", "limit": 500},
    )


@pytest.mark.parametrize("edition", BOTH)
def test_how_a_lost_create_is_found(edition: Edition) -> None:
    """By our id, under which it may be sent again; without one by its list, and never again."""
    by_id = edition.find(SCENE, "mine")
    assert (by_id.by, by_id.proves, by_id.resend) == ("own_id", True, True)
    for endpoint, own_id in ((without_own_id(SCENE, "s"), "mine"), (SCENE, None)):
        compared = edition.find(endpoint, own_id)
        assert (compared.by, compared.proves, compared.resend) == ("list", True, False)


def test_an_own_id_that_cannot_be_asked_for() -> None:
    """Ids are asked for with commas between them: one with a comma proves nothing."""
    assert V2.find(SCENE, "a,b").by == "list"
    assert V1.find(T2V, "a,b").by == "own_id"


# --- reading ---------------------------------------------------------------------------------


def test_an_acceptance() -> None:
    """Either id counts; what is said beside the task is its message."""
    assert V1.accepted({"code": 0, "message": "SUCCEED", "data": {"task_id": "1"}}).message == ""
    told = V1.accepted({"code": 0, "message": "model retires soon", "data": {"task_id": "1"}})
    assert (told.task_id, told.message) == ("1", "model retires soon")
    assert V1.accepted({"code": 0, "data": {"id": "7", "status": "submitted"}}).task_id == "7"
    for data in ({}, {"reference": "7"}, "text", None, [], {"task_id": {"a": 1}}):
        for edition in (V1, V2):
            assert edition.accepted({"code": 0, "data": data}).task_id == ""


def test_v2_says_not_found_by_an_empty_list() -> None:
    """Nothing else of its answers says that; an entry of another id says nothing."""
    assert V2.one({"data": []}, "mine") is None
    mine = {"id": "7", "external_id": "mine", "status": "processing"}
    for name in ("mine", "7"):
        found = V2.one({"data": [mine]}, name)
        assert found is not None
        assert found.task_id == "7"
    odd: list[Any] = [None, {}, "text", [5], [{"id": "8"}], [{"external_id": "mine"}]]
    for data in [*odd, [mine, mine], {"result": []}]:
        found = V2.one({"data": data}, "mine")
        assert found is not None
        assert found.task_id == ""


def test_pages_of_v1() -> None:
    """One that is not full is the last; the list is whole when each row could be read."""
    rows = [{"task_id": "1"}, {"task_id": "2"}]
    full = V1.listed({"data": rows}, FIRST, 2)
    assert ([t.task_id for t in full.tasks], full.following, full.whole) == (["1", "2"], "2", False)
    assert V1.listed({"data": rows}, "2", 2).following == "3"
    last = V1.listed({"data": rows[:1]}, "2", 2)
    assert (last.following, last.whole) == (None, True)
    assert V1.listed({"data": []}, FIRST, 2).whole
    for odd in ("text", None, {}, [5], [{}]):
        assert not V1.listed({"data": odd}, FIRST, 2).whole


def test_pages_of_v2() -> None:
    """By cursors; an empty list leaves everything out but that there is no more."""
    rows = [{"id": "1"}, {"id": "2"}]
    page = V2.listed({"data": {"result": rows, "next_cursor": "c", "has_more": True}}, FIRST, 2)
    assert ([t.task_id for t in page.tasks], page.following, page.whole) == (["1", "2"], "c", False)
    last = V2.listed({"data": {"result": rows, "next_cursor": "c", "has_more": False}}, "c", 2)
    assert (last.following, last.whole) == (None, True)
    empty = V2.listed({"data": {"count": 0, "has_more": False}}, FIRST, 2)
    assert (list(empty.tasks), empty.following, empty.whole) == ([], None, True)
    lost = V2.listed({"data": {"result": rows, "has_more": True}}, FIRST, 2)
    assert (lost.following, lost.whole) == (None, False)
    for odd in ("text", None, [], {"result": [5]}, {"result": [{}]}, {"result": "x"}):
        assert not V2.listed({"data": odd}, FIRST, 2).whole


def test_every_edition_has_its_name() -> None:
    """The names that rows of the ledger keep."""
    assert list(KNOWN) == [load(name).name for name in KNOWN] == ["v1", "v2"]


# --- what answers at once ------------------------------------------------------------------


def answered(makes: str, data: Any, **more: Any) -> Any:
    endpoint = scene(call="answer", makes=makes, pool="", **more)
    return V1.answered(endpoint, {"code": 0, "data": data}, "kc-1")


def test_a_sound_that_is_answered() -> None:
    """It names its task, its state, its file and its cost (API reference, TTS)."""
    sound = {"id": "9", "url": "https://x.test/a.mp3", "duration": "2.1"}
    told = {"task_id": "7", "task_status": "succeed", "task_result": {"audios": [sound]}}
    facts = answered("audio", {**told, "final_unit_deduction": "0.05"})
    assert (facts.task_id, facts.status, facts.complete) == ("7", "succeeded", True)
    assert (facts.outputs[0].kind, facts.outputs[0].id, str(facts.units)) == ("audio", "9", "0.05")
    failed = answered("audio", {"task_id": "7", "task_status": "failed", "task_status_msg": "no"})
    assert (failed.status, failed.message) == ("failed", "no")


def test_faces_that_are_answered() -> None:
    """No task and no state: ours, and the whole answer is what was made (identify face)."""
    told = {"session_id": "3", "face_data": [{"face_id": "0"}], "final_unit_deduction": "0.05"}
    facts = answered("data", told)
    assert (facts.task_id, facts.status, facts.complete) == ("kc-1", "succeeded", True)
    (output,) = facts.outputs
    assert output.kind == "data"
    assert {"session_id", "face_data"} < output.raw.keys()
    assert "final_unit_deduction" not in output.raw
    assert read(facts.raw) == facts  # as the ledger reads it back


def test_what_is_not_in_a_picture_has_no_file() -> None:
    """Of four parts that are looked for, one may not be there (image recognition)."""
    there = {"type": "head_seg", "is_contain": True, "url": "https://x.test/h.png"}
    missing = {"type": "cloth_seg", "is_contain": False, "url": ""}
    facts = answered("image", {"task_result": {"images": [there, missing]}})
    assert [output.kind for output in facts.outputs] == ["image", "data"]
    assert facts.complete


def test_an_element_that_is_answered() -> None:
    """The answer is the element itself (elements of the first generation)."""
    (output,) = answered("element", {"element_id": 12, "element_name": "hero"}).outputs
    assert (output.kind, output.id) == ("element", "12")


def test_selections_are_good_or_not() -> None:
    """Their status is a number, and only 0 is good (multi-elements)."""
    assert answered("data", {"status": 0, "session_id": "3"}).status == "succeeded"
    assert answered("data", {"status": 4, "session_id": "3"}).status == "failed"


def test_an_answer_without_a_result_decides_nothing() -> None:
    """Unless it is about a deletion, which makes nothing."""
    told = {"task_id": "7", "task_status": "succeed"}
    assert not answered("audio", told).complete
    assert not answered("data", None).complete
    assert answered("data", told, deletes=True).complete
