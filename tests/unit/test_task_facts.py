"""Reading what the server says of a task: both editions' words, and those that mix them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kling_core.editions.task_facts import TaskFacts, read, seconds

OF_V1: dict[str, Any] = {
    "task_id": "831",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "mine", "parent_video": {"id": "11", "url": "https://s/11"}},
    "task_result": {
        "videos": [{"id": "7", "url": "https://m/7.mp4", "watermark_url": "w", "duration": "5.1"}]
    },
    "final_unit_deduction": "3.5",
    "created_at": 1_781_080_778_802,
    "updated_at": 1_781_080_794_151,
}
OF_V2: dict[str, Any] = {
    "id": "831",
    "status": "succeeded",
    "message": "",
    "external_id": "mine",
    "outputs": [
        {"type": "video", "id": "7", "url": "https://m/7.mp4", "watermark_url": "w"}
        | {"duration": "5.1"}
    ],
    "billing": [{"charge_type": "unit", "package_type": "video", "amount": "3.5"}],
    "create_time": 1_781_080_778_802,
    "update_time": 1_781_080_794_151,
}


@pytest.mark.parametrize("raw", [OF_V1, OF_V2], ids=["v1", "v2"])
def test_both_editions_say_the_same(raw: dict[str, Any]) -> None:
    """The same task, whichever edition tells of it."""
    facts = read(raw)
    assert (facts.task_id, facts.external_task_id, facts.status) == ("831", "mine", "succeeded")
    assert (facts.known, facts.ended, facts.complete) == (True, True, True)
    assert (facts.created, facts.updated) == (1_781_080_778.802, 1_781_080_794.151)
    (video,) = facts.outputs
    assert (video.kind, video.id, video.url) == ("video", "7", "https://m/7.mp4")
    assert (video.watermark_url, video.duration) == ("w", Decimal("5.1"))
    assert (facts.units, facts.odd_units) == (Decimal("3.5"), "")
    assert facts.raw is raw


def test_a_path_that_mixes_them() -> None:
    """Virtual try-on 3.0 prints `task_id` with `status` and the old word for success."""
    facts = read({"task_id": "5", "status": "succeed", "external_id": "mine", "create_time": 1000})
    assert (facts.task_id, facts.status, facts.word) == ("5", "succeeded", "succeed")
    assert (facts.external_task_id, facts.created) == ("mine", 1000.0)


def test_words_that_nobody_knows() -> None:
    """An unknown word is told as it came; none at all means that it was taken."""
    odd = read({"id": "5", "status": "queued_for_review"})
    assert (odd.status, odd.word, odd.known, odd.ended) == ("queued_for_review",) * 2 + (False,) * 2
    assert (read({}).status, read({}).word, read({}).known) == ("submitted", "", True)
    assert read({"status": ["x"]}).status == "submitted"


KINDS = {
    "video": "video",
    "image": "image",
    "audio": "audio",
    "voice": "voice",
    "element": "element",
    "product_video": "video",
    "subbed_video": "video",
    "model_images": "image",
    "srt": "text",
    "ass": "text",
    "hologram": "data",
    "": "data",
}


def test_kinds_of_outputs() -> None:
    """By their type, the solutions' own words too; what nobody knows is data."""
    facts = read({"outputs": [{"type": word, "url": "u"} for word in KINDS]})
    assert [output.kind for output in facts.outputs] == list(KINDS.values())


def test_outputs_of_the_older_edition() -> None:
    """Each list of the results; sounds have addresses and lengths of their own names."""
    result = {
        "images": [{"index": 0, "url": "i0"}, "text", None],
        "series_images": [{"index": 1, "url": "i1"}],
        "audios": [{"id": "a", "url_mp3": "m", "url_wav": "w", "duration_mp3": "3.0"}],
        "voices": [{"voice_id": "v", "trial_url": "t"}],
        "elements": [{"element_id": 829_836_802_551_345_238}],
        "videos": "none",
    }
    made = read({"task_result": result}).outputs
    assert [(o.kind, o.id, o.url) for o in made] == [
        ("image", "", "i0"),
        ("image", "", "i1"),
        ("audio", "a", "m"),
        ("voice", "v", "t"),
        ("element", "829836802551345238", ""),
    ]
    assert made[2].duration == 3
    new = {"type": "audio", "id": "a", "mp3_url": "m", "mp3_duration": "3.0"}
    (sound,) = read({"outputs": [new]}).outputs
    assert (sound.url, sound.duration) == ("m", 3)


def test_results_that_are_still_to_come() -> None:
    """A success without results, or with a file without an address, is not complete."""
    assert not read({"status": "succeeded"}).complete
    assert not read({"status": "succeeded", "outputs": [{"type": "video", "id": "7"}]}).complete
    assert read({"status": "succeeded", "outputs": [{"type": "element", "id": "7"}]}).complete
    assert read({"status": "failed"}).complete
    assert not read({"status": "processing", "outputs": [{"type": "video", "url": "u"}]}).complete


BILLS: dict[str, tuple[Any, Decimal | None, str]] = {
    "units": ([{"charge_type": "unit", "amount": "2.4"}], Decimal("2.4"), ""),
    "two packs": ([{"charge_type": "unit", "amount": "1"}] * 2, Decimal(2), ""),
    "units and money": (
        [{"charge_type": "unit", "amount": "1"}, {"charge_type": "cash", "amount": "0.5"}],
        Decimal(1),
        "",
    ),
    "money": ([{"charge_type": "cash", "amount": "0.5", "currency": "USD"}], None, ""),
    "failed": ([{"amount": "0"}], Decimal(0), ""),
    "nothing yet": ([], None, ""),
    "absurd": ([{"charge_type": "unit", "amount": "-3"}], None, "['-3']"),
    "no list": ({"amount": "1"}, None, ""),
}


@pytest.mark.parametrize("name", BILLS)
def test_billing(name: str) -> None:
    """Units are summed up, money is none; what is no amount is told as it came."""
    said, units, odd = BILLS[name]
    facts = read({"id": "1", "billing": said})
    assert (facts.units, facts.odd_units) == (units, odd)
    assert facts.charges == ({"billing": said} if said else {})


def test_the_older_words_for_a_deduction() -> None:
    """They count where they are; an empty one says nothing."""
    assert read({"final_unit_deduction": "1.5", "billing": [{"amount": "9"}]}).units == 1.5
    assert read({"final_unit_deduction": ""}).charges == {}
    odd = read({"final_unit_deduction": "much"})
    assert (odd.units, odd.odd_units) == (None, "'much'")
    assert read({"final_unit_deduction": "0", "final_balance_deduction": {"q": "1"}}).charges == {
        "final_unit_deduction": "0",
        "final_balance_deduction": {"q": "1"},
    }


def test_what_it_was_made_of() -> None:
    """The source by its id, and every word beside the results, however it is nested."""
    facts = read({**OF_V1, "new": [{"deep": 12}]})
    assert facts.parent_id == "11"
    assert {"11", "https://s/11", "12", "831"} <= facts.source_words
    assert "https://m/7.mp4" not in facts.source_words
    assert "https://m/7.mp4" not in read(OF_V2).source_words
    assert read({"task_info": {"parent_video": "x"}}).parent_id == ""


def test_a_newer_answer_counts() -> None:
    """None that has ended runs again; of two that run or have ended the later one counts."""
    runs, done = read({"status": "processing"}), read({"status": "succeeded"})
    assert runs.overtaken(done)
    assert not done.overtaken(runs)
    early, late = read({"updated_at": 1000}), read({"update_time": 2_000_000_000_000})
    assert early.overtaken(late)
    assert not late.overtaken(early)
    assert not runs.overtaken(late)


@pytest.mark.parametrize(
    "said, moment",
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000_123, 1_700_000_000.123),
        ("1700000000123", 1_700_000_000.123),
        (1.5, 1.5),
        (True, None),
        (None, None),
        ("soon", None),
        (float("nan"), None),
        (10**400, None),
        (-(10**30), None),
    ],
)
def test_times(said: Any, moment: float | None) -> None:
    """Seconds or milliseconds, as a number or as text."""
    assert seconds(said) == moment


def test_facts_without_an_answer() -> None:
    """A request of which nothing was said yet is told by what we know of it."""
    facts = TaskFacts({}, status="unknown", message="no answer")
    assert (facts.task_id, facts.known, facts.ended, facts.outputs) == ("", False, False, ())
