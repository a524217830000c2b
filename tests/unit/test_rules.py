"""Conditions and rules: when they hold, what they say, and that their advice works."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kling_core.declare import registry
from kling_core.errors import Violation
from kling_core.rules.conditions import given
from kling_core.rules.rules import (
    All,
    Any_,
    AtLeastOne,
    Check,
    Condition,
    ExactlyOne,
    Exclusive,
    Findings,
    Given,
    Is,
    Needed,
    Not,
    Only,
    Rule,
    check,
)

SOUND = Is("sound", "on")
FRAMES = All(Given("image"), Given("image_tail"))
TAIL_ONLY = All(Given("image_tail"), Not(Given("image")))
BRUSH = Any_(Given("static_mask"), Given("dynamic_masks"))


@pytest.mark.parametrize(
    "condition, fields, holds",
    [
        (Given("image"), {"image": "a.jpg"}, True),
        (Given("image"), {"image": ""}, False),
        (Given("image"), {"image": []}, False),
        (Given("image"), {"image": None}, False),
        (Given("image"), {}, False),
        (Given("multi_shot"), {"multi_shot": False}, True),
        (Given("n"), {"n": 0}, True),
        (SOUND, {"sound": "on"}, True),
        (SOUND, {"sound": "off"}, False),
        (SOUND, {}, False),
        (Is("multi_shot", True), {"multi_shot": True}, True),
        (Is("multi_shot", True), {"multi_shot": 1}, False),
        (Is("type", "face", "subject"), {"type": "subject"}, True),
        (FRAMES, {"image": "a", "image_tail": "b"}, True),
        (FRAMES, {"image": "a"}, False),
        (TAIL_ONLY, {"image_tail": "b"}, True),
        (TAIL_ONLY, {"image": "a", "image_tail": "b"}, False),
        (BRUSH, {"dynamic_masks": [1]}, True),
        (BRUSH, {}, False),
    ],
)
def test_conditions_hold(condition: Condition, fields: Mapping[str, object], holds: bool) -> None:
    """A condition holds exactly for the fields it describes; its negation for the others."""
    assert condition.holds(fields) is holds
    assert Not(condition).holds(fields) is not holds


@pytest.mark.parametrize("value", [None, "", "  \n", "\u200b", b"", [], (), {}])
def test_what_is_empty_is_not_given(value: object) -> None:
    """Nothing, no items, and a text of which nothing can be seen."""
    assert not given("prompt", {"prompt": value})
    assert given("prompt", {"prompt": 0})


@pytest.mark.parametrize("prompt", ["", "  ", "\u200b\u2060", "\u3164"])
@pytest.mark.parametrize("name", ["text_to_video", "image_generation"])
def test_a_prompt_of_nothing_is_missing(name: str, prompt: str) -> None:
    """What is required is required to be seen: an invisible prompt is not paid for."""
    violations = registry.get(name).request(prompt=prompt).check().violations
    assert [(v.field, v.message) for v in violations] == [("prompt", "is required")]


@pytest.mark.parametrize("prompt", ["", " \u200b"])
def test_a_shot_of_nothing_needs_its_prompt(prompt: str) -> None:
    """Every shot of a video is described in words that can be seen."""
    shots = [{"prompt": "a boat", "duration": 2}, {"prompt": prompt, "duration": 3}]
    made = registry.get("text_to_video").request(
        model_name="kling-v3", multi_shot=True, shot_type="customize", multi_prompt=shots
    )
    assert "each shot needs a prompt" in [v.message for v in made.check().violations]


def test_given_never_asks_for_the_truth_of_a_picture() -> None:
    """A value without a truth value, such as an array, counts as given."""

    class Picture:
        def __bool__(self) -> bool:
            raise ValueError("ambiguous")

        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous")

        __hash__ = None  # type: ignore[assignment]

    assert Given("image").holds({"image": Picture()})
    assert not Is("image", "on").holds({"image": Picture()})


@pytest.mark.parametrize(
    "condition, text",
    [
        (Given("image_tail"), "image_tail is given"),
        (SOUND, "sound=on"),
        (Is("multi_shot", True), "multi_shot=true"),
        (
            Is("image_reference", "subject", "face"),
            "image_reference=subject or image_reference=face",
        ),
        (Not(Given("image")), "image is not given"),
        (Not(SOUND), "sound is not on"),
        (Not(Not(SOUND)), "sound=on"),
        (Not(BRUSH), "not (static_mask is given or dynamic_masks is given)"),
        (FRAMES, "image is given and image_tail is given"),
        (All(SOUND, BRUSH), "sound=on and (static_mask is given or dynamic_masks is given)"),
    ],
)
def test_conditions_speak(condition: Condition, text: str) -> None:
    """A condition says itself in words that stand in a message."""
    assert condition.text == text


@pytest.mark.parametrize(
    "condition, fields, make, undo",
    [
        (Given("image"), {}, ("image=…",), ()),
        (Given("image"), {"image": "a"}, (), ("no image",)),
        (SOUND, {}, ("sound=on",), ()),
        (SOUND, {"sound": "on"}, (), ("sound=off",)),
        (Is("multi_shot", True), {"multi_shot": True}, (), ("multi_shot=false",)),
        (Is("mode", "pro", "4k"), {"mode": "std"}, ("mode=pro", "mode=4k"), ()),
        (Is("mode", "pro", "4k"), {"mode": "4k"}, (), ("no mode",)),
        (FRAMES, {}, ("image=… and image_tail=…",), ()),
        (FRAMES, {"image": "a"}, ("image_tail=…",), ()),
        (FRAMES, {"image": "a", "image_tail": "b"}, (), ("no image", "no image_tail")),
        (TAIL_ONLY, {"image_tail": "b"}, (), ("no image_tail", "image=…")),
        (BRUSH, {}, ("static_mask=…", "dynamic_masks=…"), ()),
        (BRUSH, {"static_mask": "m"}, (), ("no static_mask",)),
        (
            BRUSH,
            {"static_mask": "m", "dynamic_masks": [1]},
            (),
            ("no static_mask and no dynamic_masks",),
        ),
        (Not(Given("image")), {"image": "a"}, ("no image",), ()),
        (Not(Given("image")), {}, (), ("image=…",)),
    ],
)
def test_conditions_can_be_met(
    condition: Condition,
    fields: Mapping[str, object],
    make: tuple[str, ...],
    undo: tuple[str, ...],
) -> None:
    """A condition knows what to type to make it hold, and to make it no longer hold."""
    assert condition.ways(fields) == make
    assert condition.ways(fields, hold=False) == undo


def violation(rule: Rule, **fields: object) -> Violation | None:
    """The one violation of a rule, or None."""
    found = rule.check(fields)
    assert len(found) <= 1
    return found[0] if found else None


def test_exactly_one() -> None:
    """None and two of the fields are wrong, one is right."""
    rule = ExactlyOne("video_id", "video_url", source="here")
    assert violation(rule, video_id="1") is None
    assert violation(rule) == Violation(
        "video_id", "video_id or video_url is needed", "video_id=… or video_url=…", "here"
    )
    assert violation(rule, video_id="1", video_url="u") == Violation(
        "video_url",
        "only one of video_id and video_url may be given; you gave video_id and video_url",
        "no video_url or no video_id",
        "here",
    )


def test_at_least_one() -> None:
    """One is enough, two are fine, none is wrong."""
    rule = AtLeastOne("image", "image_tail", source="here")
    assert violation(rule, image_tail="b") is None
    assert violation(rule, image="a", image_tail="b") is None
    assert violation(rule, image="") == Violation(
        "image", "image or image_tail is needed", "image=… or image_tail=…", "here"
    )


def test_exclusive_names_only_what_was_given() -> None:
    """Groups exclude each other, and the message names the fields of the request."""
    rule = Exclusive(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",))
    assert violation(rule, static_mask="a", dynamic_masks=[1]) is None
    assert violation(rule, image="a", camera_control={"type": "simple"}) is None
    found = violation(rule, image_tail="a", dynamic_masks=[1], static_mask="m")
    assert found == Violation(
        "static_mask",
        "image_tail cannot go together with static_mask and dynamic_masks",
        "no static_mask and no dynamic_masks or no image_tail",
    )


def test_exclusive_three_groups() -> None:
    """With three groups in use, each advice leaves exactly one of them."""
    rule = Exclusive(("a",), ("b",), ("c",))
    found = violation(rule, a=1, b=1, c=1)
    assert found is not None
    assert found.message == "a cannot go together with b and c"
    assert found.valid == "no b and no c or no a and no c or no a and no b"


def test_needed() -> None:
    """A field is needed only while the condition holds."""
    rule = Needed("prompt", when=Not(Is("multi_shot", True)), source="here")
    assert violation(rule, prompt="a boat") is None
    assert violation(rule, multi_shot=True) is None
    assert violation(rule) == Violation(
        "prompt", "prompt is needed when multi_shot is not true", "prompt=…", "here"
    )


def test_only() -> None:
    """A field may be given only while the condition holds; the advice names both ways out."""
    rule = Only("voice_list", when=SOUND, source="here")
    assert violation(rule) is None
    assert violation(rule, voice_list=["v"], sound="on") is None
    assert violation(rule, voice_list=["v"], sound="off") == Violation(
        "voice_list",
        "voice_list works only when sound=on",
        "sound=on or no voice_list",
        "here",
    )


def test_check_rule_runs_code() -> None:
    """A `Check` turns what its function finds into violations with its source."""

    def odd(fields: Mapping[str, object]) -> list[tuple[str, str, str]]:
        number = fields.get("n")
        return [("n", f"{number} is odd", "n=2")] if number == 1 else []

    rule = Check(fields=("n",), test=odd, source="here")
    assert violation(rule, n=1) == Violation("n", "1 is odd", "n=2", "here")
    assert violation(rule, n=2) is None


def test_check_reports_everything_at_once() -> None:
    """No finding hides another: rules and the capability table are all reported."""
    findings = check(
        "image_to_video",
        (AtLeastOne("image", "image_tail"), Only("voice_list", when=SOUND)),
        {"voice_control": Given("voice_list")},
        {"model_name": "kling-v2-6", "mode": "4k", "duration": "7", "voice_list": ["v"],
         "cfg_scale": 0.5},
    )  # fmt: skip
    assert [v.field for v in findings.violations] == [
        "image",
        "voice_list",
        "cfg_scale",
        "mode",
        "duration",
    ]


def test_a_rule_of_a_bad_field_is_skipped() -> None:
    """What is already reported as malformed is not reported again by rules or table."""
    rules = (Needed("voice_id", when=Given("text")), ExactlyOne("text", "audio"))
    assert check("lip_sync", rules, {}, {}, bad=frozenset({"text"})) == Findings([], [])
    fields = {"model_name": "kling-v2-6", "sound": "on", "mode": "std", "duration": "five"}
    bad = frozenset({"mode", "duration"})
    assert check("text_to_video", (), {"sound": SOUND}, fields, bad=bad).violations == []
    assert check("text_to_video", (), {}, {"model_name": "x"}, bad=frozenset({"model_name"})) == (
        Findings([], [])
    )


def test_a_valid_request_has_no_findings() -> None:
    """A plain request to a living model is neither refused nor warned about."""
    fields = {"model_name": "kling-v3", "mode": "std", "duration": "5", "prompt": "a boat"}
    assert check("text_to_video", (), {"sound": SOUND}, fields) == Findings([], [])
