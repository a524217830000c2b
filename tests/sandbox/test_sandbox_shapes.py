"""Contracts that are added in memory, of each shape that the sandbox can serve."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from helpers.api import Api

from kling_core.cli import sandbox as command
from kling_core.commands.arguments import UsageProblem
from kling_core.sandbox import Fault, contracts, plain
from kling_core.sandbox.contract import Answer, Contract, Delete, Presets, Shop, Task
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Job, Output
from kling_core.sandbox.refusals import TaskFailed, wrong_value

Make = Callable[[Bench, str], list[Output]]
SCENE = "/text-to-video/kling-3.0"
PLAY = "/v1/toys/plays"
SAY = "/v1/toys/say"
BOX = "/v1/toys/box"
DOLLS = "/v1/general/dolls"
SOLVED = "/solutions/shop_window"
TRIED = "/solutions/trying"


def job(text: str, make: Make, *, units: str = "2", slots: int = 1) -> Job:
    """A job that makes something of a text and takes four seconds of the service."""
    return Job(
        "toy-1", 4.0, Decimal(units), lambda bench: make(bench, text), slots=slots, prompts=(text,)
    )


def clip(bench: Bench, text: str) -> list[Output]:
    return [plain.clip(bench, text, 1.0)]


def picture(bench: Bench, text: str) -> list[Output]:
    return [plain.picture(bench, text)]


def play(body: Body, shop: Shop) -> Job:
    del shop
    count = body.whole("n", 1, 9, 1)
    return job(body.text("prompt", required=True), clip, slots=count)


def scene(body: Body, shop: Shop) -> Job:
    """The model is in the path; the rest has its places."""
    if not shop.model.startswith("kling-"):
        raise wrong_value("model is not supported")
    settings = body.object("settings")
    if settings:
        settings.whole("duration", 3, 15, 5)
    for item in body.items("contents", 0, 10):
        item.choice("type", ("first_frame", "element"))
        item.url("url")
        item.text("id")
    return job(body.text("prompt"), clip, units="2.4")


def say(body: Body, shop: Shop) -> Job:
    del shop
    text = body.text("text", required=True, at_most=1000)

    def make(bench: Bench, said: str) -> list[Output]:
        if said == "mute":
            raise TaskFailed("Voice id not found")
        return [plain.tone(bench, said, 2.0)]

    return job(text, make, units="0.05")


def put_in(body: Body, shop: Shop) -> Job:
    """The first call opens the session, the next ones fill it."""
    given = body.text("session_id")
    session = given or shop.sessions.open(toys=[])
    toys: list[str] = shop.sessions.state(session)["toys"]
    toys += [toy] if (toy := body.text("toy")) else []
    told = Output(kind="data", data={"status": 0, "session_id": session, "toys": list(toys)})
    return job("", lambda _bench, _text: [told], units="0")


def told(task: Any, _url_of: Any) -> Any:
    return dict(task.outputs[0].output.data)


def shake(body: Body, shop: Shop) -> Job:
    toys: list[str] = shop.sessions.state(body.text("session_id", required=True))["toys"]
    return job(" ".join(toys), clip)


def doll(body: Body, shop: Shop) -> Job:
    del shop
    name = body.text("element_name", required=True, at_most=20)
    named = Output(kind="element", data={"element_name": name})
    return job(name, lambda _bench, _text: [named], units="0")


def window(body: Body, shop: Shop) -> Job:
    """A solution that makes several kinds of outputs."""
    del shop
    (title,) = body.items("contents", 1, 1)
    title.choice("type", ("goods_title",))

    def make(bench: Bench, text: str) -> list[Output]:
        shown = plain.picture(bench, text)
        return [*clip(bench, text), Output(shown.path, kind="product_image")]

    return job(title.text("text", required=True), make)


def tried(body: Body, shop: Shop) -> Job:
    del body, shop
    return job("a coat", picture)


HERO = Output(kind="element", data={"element_id": 77, "element_name": "hero"})
CONTRACTS = (
    Contract("plays", [Task(PLAY, play)], pool="image", pack="image"),
    Contract("scene", [Task("/text-to-video/{model}", scene)], shape="v2"),
    Contract("say", [Answer(SAY, say)], pool=None, makes="audio"),
    Contract(
        "box",
        [Answer(f"{BOX}/init", put_in, told), Answer(f"{BOX}/add", put_in, told), Task(BOX, shake)],
    ),
    Contract(
        "dolls",
        [
            Task(DOLLS, doll, watermark=""),
            Presets("/v1/general/preset-dolls", (HERO,)),
            Delete("/v1/general/delete-dolls", "element_id"),
        ],
        pool=None,
        makes="element",
    ),
    Contract("window", [Task(SOLVED, window, watermark="watermark")], shape="solutions"),
    Contract("trying", [Task(TRIED, tried)], shape="solutions/try_on", pool="try_on", pack="image"),
)


@pytest.fixture
def toys(api: Api) -> Iterator[Api]:
    """A sandbox that serves them."""
    with api.sandbox.serving(*CONTRACTS):
        yield api


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ended(api: Api, path: str, body: Any) -> str:
    """The id of a task that has ended."""
    made = api.create(path, body)
    assert api.sandbox.wait_idle(30)
    return made.get("id") or made["task_id"]


def decoded(url: str) -> str:
    """The kind of what is in the file at that URL, all of it decoded."""
    import io

    import av

    with av.open(io.BytesIO(httpx.get(url, trust_env=False).content), "r") as container:
        assert sum(1 for _ in container.decode(container.streams[0]))
        return container.streams[0].type


# --- in memory -----------------------------------------------------------------------------


def test_a_contract_comes_and_goes(api: Api, start: Any) -> None:
    """It is served inside the block, or by a sandbox that was given it, and nowhere else."""
    assert api.refused(PLAY, {"prompt": "a"}, 1203)
    with api.sandbox.serving(*CONTRACTS):
        api.create(PLAY, {"prompt": "a"})
    assert api.refused(PLAY, {"prompt": "a"}, 1203)
    start(contracts=CONTRACTS).create(PLAY, {"prompt": "a"})


def test_a_contract_is_found_in_the_folder_of_any_edition(tmp_path: Any, monkeypatch: Any) -> None:
    """A folder beside that of `/v1`, with a module that no list names."""
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "__init__.py").touch()
    code = "from kling_core.sandbox.contract import Contract\nCONTRACT = Contract('kite', [])\n"
    (tmp_path / "later" / "kite.py").write_text(code)
    monkeypatch.setattr(contracts, "__path__", [*contracts.__path__, str(tmp_path)])
    names = {contract.name for contract in contracts._found()}
    assert {"kite", "text_to_video"} <= names
    assert len(names) == 9


def test_a_contract_names_a_pool_and_a_pack_that_are_there() -> None:
    """Another one is a mistake of the contract, told where it is written."""
    for wrong in ({"pool": "toys"}, {"pack": "toys"}):
        with pytest.raises(ValueError, match="plays: no pool"):
            Contract("plays", [Task(PLAY, play)], **wrong)


def test_a_sound_is_no_clip(toys: Api) -> None:
    """Its id is refused where a video is asked for."""
    (sound,) = toys.create(SAY, {"text": "hello"})["task_result"]["audios"]
    speech = {"mode": "text2video", "text": "hi", "voice_id": "oversea_male1"}
    body = {"input": {"video_id": sound["id"], "voice_language": "en", **speech}}
    assert "not found" in toys.refused("/v1/videos/lip-sync", body)


def test_a_task_below_its_own_path(toys: Api) -> None:
    """A contract of `/v1` is looked up and listed where it was made, with its own pool and pack."""
    toys.finish(PLAY, {"prompt": "a bear", "n": 3, "external_task_id": "mine"})
    told = data(toys.get(f"{PLAY}/mine"))
    assert told["task_status"] == "succeed"
    assert told["final_unit_deduction"] == "2"
    (video,) = told["task_result"]["videos"]
    assert decoded(video["url"]) == "video"
    assert [task["task_id"] for task in data(toys.get(PLAY))] == [told["task_id"]]
    assert toys.sandbox.stats.peak_running == {"image": 3}
    assert toys.sandbox.stats.billed_units == {"image": 2}
    assert toys.refused(PLAY, {"prompt": "a", "n": 10})


# --- path-per-model ------------------------------------------------------------------------


def test_a_task_of_the_new_standard(toys: Api) -> None:
    """Options in their object, the model in the path, one place for look-ups, its own words."""
    options = {"external_task_id": "mine", "watermark_info": {"enabled": True}}
    body = {"prompt": "a boat", "settings": {"duration": 3}, "options": options}
    created = toys.create(SCENE, body)
    assert {**created, "id": "", "create_time": 0, "update_time": 0} == {
        "id": "", "status": "submitted", "message": "", "external_id": "mine",
        "create_time": 0, "update_time": 0,
    }  # fmt: skip
    assert toys.sandbox.wait_idle(30)
    (told,) = data(toys.get("/tasks", task_ids=created["id"]))
    assert told["status"] == "succeeded"
    assert told["billing"] == [{"charge_type": "unit", "amount": "2.4", "package_type": "video"}]
    (output,) = told["outputs"]
    assert set(output) == {"type", "id", "url", "watermark_url", "duration"}
    assert decoded(output["url"]) == "video"
    assert data(toys.get("/tasks", external_task_ids="mine,other")) == [told]
    assert toys.sandbox.stats.unknown_keys == []
    assert toys.post("/text-to-video/other", body).json()["message"] == "model is not supported"
    assert toys.get(SCENE).status_code == 404


def test_look_ups_of_the_account(toys: Api) -> None:
    """Ids of one kind, twenty at most; one that is not there is left out, without a word."""
    assert data(toys.get("/tasks", task_ids="1,2")) == []
    for query in ({}, {"task_ids": "1", "external_task_ids": "2"}):
        answer = toys.get("/tasks", **query)
        assert answer.status_code == 400
        assert answer.json()["message"] == "task_ids or external_task_ids is required"
    answer = toys.get("/tasks", task_ids=",".join(map(str, range(21))))
    assert answer.json()["message"] == "task_ids and external_task_ids cannot exceed 20 in total"


def test_lists_of_the_account(toys: Api) -> None:
    """By a cursor over both editions, in the newer shape; solutions have a list of their own."""
    assert data(toys.post("/tasks", {})) == {"count": 0, "has_more": False}
    ids = [ended(toys, PLAY, {"prompt": "a"}), ended(toys, SCENE, {"prompt": "b"})]
    ids.append(ended(toys, SCENE, {"prompt": "c"}))
    solved = ended(toys, SOLVED, {"contents": [{"type": "goods_title", "text": "shoes"}]})
    first = data(toys.post("/tasks", {"limit": 2, "cursor": ""}))
    assert (first["count"], first["has_more"]) == (2, True)
    second = data(toys.post("/tasks", {"limit": 2, "cursor": first["next_cursor"]}))
    assert "next_cursor" not in second
    assert [task["id"] for task in first["result"] + second["result"]] == ids[::-1]
    assert {task["status"] for task in first["result"] + second["result"]} == {"succeeded"}
    assert [task["id"] for task in data(toys.post("/solutions", {}))["result"]] == [solved]

    def found(key: str, *values: str, **more: Any) -> list[str]:
        body = {"filters": [{"key": key, "values": values}], **more}
        return [task["id"] for task in data(toys.post("/tasks", body)).get("result", [])]

    assert found("product_type", "image") == ids[:1]
    assert found("status", "succeeded") == ids[::-1]
    assert found("status", "failed") == []
    assert found("status", "succeeded", end_time="1") == []
    assert toys.refused("/tasks", {"filters": [{"key": "model", "values": []}]})
    assert toys.refused("/tasks", {"cursor": "!"})


def test_a_pair_is_for_the_older_paths(toys: Api, forge: Any) -> None:
    """What is made from AK and SK is refused on the new ones."""
    headers = {"Authorization": f"Bearer {forge(toys.sandbox)}"}
    refused = toys.http.post(SCENE, json={"prompt": "a"}, headers=headers)
    assert refused.status_code == 401
    assert "AK/SK" in refused.json()["message"]
    assert toys.http.post(PLAY, json={"prompt": "a"}, headers=headers).status_code == 200


def test_a_failed_task_tells_why(toys: Api) -> None:
    """In `message`, and nothing is billed."""
    task_id = ended(toys, SCENE, {"prompt": "forbidden-content"})
    (told,) = data(toys.get("/tasks", task_ids=task_id))
    assert told["status"] == "failed"
    assert "risk control" in told["message"]
    assert told["billing"] == [{"amount": "0"}]
    assert "outputs" not in told


def test_callbacks_have_the_shape_of_the_task(toys: Api) -> None:
    """Without an envelope, with the newer words."""
    ended(toys, SCENE, {"prompt": "a", "options": {"callback_url": "https://away.test/"}})
    states = [delivery.body["status"] for delivery in toys.sandbox.callbacks]
    assert states == ["submitted", "processing", "succeeded"]


# --- solutions -----------------------------------------------------------------------------


def test_an_endpoint_of_both_editions_has_two_lists(toys: Api) -> None:
    """What was made with the model in the path is not shown below the path of the older one."""
    newer = Contract("plays", [Task("/plays/{model}", scene)], shape="v2")
    with toys.sandbox.serving(newer):
        made = toys.create("/plays/kling-3.0", {"prompt": "a"})["id"]
        older = toys.create(PLAY, {"prompt": "a"})["task_id"]
        assert [task["task_id"] for task in toys.get(PLAY).json()["data"]] == [older]
        assert toys.get(f"{PLAY}/{made}").json()["code"] == 1201
        both = toys.get("/tasks", task_ids=f"{made},{older}").json()["data"]
        assert {task["id"] for task in both} == {made, older}


def test_a_cursor_that_no_page_has_told_is_refused(toys: Api) -> None:
    """Whatever it says when it is read."""
    for said in ("nowhere", "5", '["a", "b", "c"]', "[1]", "{}"):
        cursor = base64.urlsafe_b64encode(said.encode()).decode()
        assert "cursor" in toys.refused("/tasks", {"cursor": cursor}), said


def test_solutions_have_their_own_place(toys: Api) -> None:
    """Several kinds of outputs; the one that mixes both shapes does so in its answers alone."""
    contents = [{"type": "goods_title", "text": "shoes"}]
    watermark = {"watermark": {"enabled": True}}
    task_id = ended(toys, SOLVED, {"contents": contents, "options": watermark})
    (told,) = data(toys.get("/solutions", task_ids=task_id))
    assert [output["type"] for output in told["outputs"]] == ["video", "product_image"]
    assert all(output["watermark_url"] for output in told["outputs"])
    assert data(toys.get("/tasks", task_ids=task_id)) == []
    created = toys.create(TRIED, {})
    assert "id" not in created
    assert toys.sandbox.wait_idle(30)
    (told,) = data(toys.get("/solutions", task_ids=created["task_id"]))
    assert (told["id"], told["status"]) == (created["task_id"], "succeed")
    assert told["billing"][0]["package_type"] == "image"


# --- answers, sessions, collections --------------------------------------------------------


def test_an_answer_is_the_result(toys: Api) -> None:
    """The POST answers with what was made and bills it; it takes no slot and is not listed."""
    told = toys.create(SAY, {"text": "hello"})
    (sound,) = told["task_result"]["audios"]
    assert set(sound) == {"id", "url", "duration"}
    assert decoded(sound["url"]) == "audio"
    assert told["final_unit_deduction"] == "0.05"
    assert "task_info" not in told
    assert toys.sandbox.stats.billed_units == {"video": Decimal("0.05")}
    assert not toys.sandbox.stats.peak_running
    assert toys.get(SAY).json()["code"] == 1202
    assert data(toys.get("/tasks", task_ids=told["task_id"])) == []
    assert data(toys.post("/tasks", {}))["count"] == 0


def test_an_answer_that_cannot_be_made_costs_nothing(toys: Api) -> None:
    """It is refused, and so is one without units left; a lost answer was billed once."""
    assert toys.refused(SAY, {"text": "mute"}) == "Voice id not found"
    assert toys.refused(SAY, {"text": "forbidden-content"}, 1301)
    assert toys.sandbox.stats.billed_tasks == 0
    toys.sandbox.faults.add(Fault("reset_after", endpoint="say"))
    with pytest.raises(httpx.TransportError):
        toys.post(SAY, {"text": "hello"})
    assert toys.sandbox.stats.billed_tasks == 1


def test_an_answer_needs_units(start: Any) -> None:
    """With an empty pack it is refused like any task."""
    api = start(units=0, contracts=CONTRACTS)
    assert api.post(SAY, {"text": "hello"}).json()["code"] == 1102


def test_calls_share_a_session(toys: Api) -> None:
    """What one call leaves the next one finds, and the task at the end; not another session."""
    session = toys.create(f"{BOX}/init", {})["session_id"]
    toys.create(f"{BOX}/add", {"session_id": session, "toy": "ball"})
    told = toys.create(f"{BOX}/add", {"session_id": session, "toy": "kite"})
    assert told == {"status": 0, "session_id": session, "toys": ["ball", "kite"]}
    toys.finish(BOX, {"session_id": session})
    assert toys.sandbox.tasks[-1].job.prompts == ("ball kite",)
    assert "Session not found" in toys.refused(BOX, {"session_id": "7"})


def test_a_session_ends(start: Any) -> None:
    """After 24 hours of the sandbox's clock."""
    ahead = [0.0]
    api = start(contracts=CONTRACTS, clock=lambda: time.time() + ahead[0])
    session = api.create(f"{BOX}/init", {})["session_id"]
    ahead[0] = 24 * 3600 + 1
    assert "Session not found" in api.refused(f"{BOX}/add", {"session_id": session})


def test_a_collection(toys: Api) -> None:
    """Things are created by tasks, listed with the deleted ones, and there are ready ones."""
    told = toys.finish(DOLLS, {"element_name": "hero"})
    (made,) = told["task_result"]["elements"]
    assert made["element_name"] == "hero"
    assert made["status"] == "succeed"
    in_both = data(toys.get("/tasks", task_ids=told["task_id"]))[0]["outputs"][0]
    assert (in_both["type"], in_both["id"]) == ("element", made["element_id"])
    (preset,) = data(toys.get("/v1/general/preset-dolls"))
    assert preset["task_result"]["elements"][0]["element_id"] == 77
    assert "final_unit_deduction" not in preset
    gone = {"element_id": made["element_id"]}
    assert toys.create("/v1/general/delete-dolls", gone)["task_status"] == "succeed"
    (listed,) = data(toys.get(DOLLS))
    assert listed["task_result"]["elements"][0]["status"] == "deleted"
    assert "not found" in toys.refused("/v1/general/delete-dolls", gone)


# --- what the documents do not agree on ----------------------------------------------------


def test_own_ids_can_be_refused(start: Any) -> None:
    """Before anything is made; without one, the request is taken."""
    api = start(contracts=CONTRACTS, own_id="refuse")
    assert "external_task_id" in api.refused(PLAY, {"prompt": "a", "external_task_id": "mine"})
    options = {"external_task_id": "mine"}
    assert "external_task_id" in api.refused(SCENE, {"prompt": "a", "options": options})
    assert not api.sandbox.tasks
    api.create(SCENE, {"prompt": "a"})


def test_lists_can_lag(start: Any) -> None:
    """A look-up by id shows what a list does not have yet."""
    api = start(contracts=CONTRACTS, lag=600)
    made = [ended(api, PLAY, {"prompt": "a"}), ended(api, SCENE, {"prompt": "a"})]
    assert data(api.get(PLAY)) == []
    assert data(api.post("/tasks", {}))["count"] == 0
    assert data(api.get(f"{PLAY}/{made[0]}"))["task_status"] == "succeed"
    assert len(data(api.get("/tasks", task_ids=",".join(made)))) == 2


def test_unknown_keys_can_be_refused(start: Any) -> None:
    """As a rule they are ignored and billed, as they are live."""
    body = {"prompt": "a", "options": {"speed": 1}}
    for strict in (False, True):
        api = start(contracts=CONTRACTS, strict=strict)
        answer = api.post(SCENE, body)
        assert (answer.status_code == 400) == strict
        assert api.sandbox.stats.unknown_keys == [("scene", "options.speed")]
        assert len(api.sandbox.tasks) == (not strict)
    assert answer.json()["message"] == "key 'options.speed' is invalid"


def test_faults_know_the_newer_shape(toys: Api) -> None:
    """An unknown status stands under the key of the shape, in lists too."""
    task_id = ended(toys, SCENE, {"prompt": "a"})
    toys.sandbox.faults.add(Fault("unknown_status", times=2, text="resting"))
    (told,) = data(toys.get("/tasks", task_ids=task_id))
    listed = data(toys.post("/tasks", {}))["result"]
    assert [told["status"], listed[0]["status"]] == ["resting", "resting"]
    assert "task_status" not in json.dumps([told, listed])


def test_the_command_line_has_these_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not said is left to the sandbox."""
    given: list[dict[str, Any]] = []
    monkeypatch.setattr("kling_core.sandbox.serve", lambda **options: given.append(options))
    command.run(["--own-id", "refuse", "--lag", "5", "--strict"], sandbox=True)
    command.run([], sandbox=True)
    assert given == [{"own_id": "refuse", "lag": 5.0, "strict": True}, {}]
    with pytest.raises(UsageProblem):
        command.run(["--lag", "-1"], sandbox=True)
