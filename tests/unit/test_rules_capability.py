"""The capability table, row by row both ways, and that every piece of advice is good."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_core.catalog import tables
from kling_core.declare.endpoint import Endpoint
from kling_core.endpoints import image_generation, image_to_video, text_to_video
from kling_core.errors import Violation
from kling_core.rules.capability import untaken
from kling_core.rules.rules import Given, check

T2V, I2V = text_to_video.ENDPOINT, image_to_video.ENDPOINT
LONG = " ".join(str(seconds) for seconds in range(3, 16))

# The capability map as published: model, endpoint, mode, seconds, features besides generation.
TABLE = [
    ("kling-v1", T2V, "std", "5", "camera_control"),
    ("kling-v1", T2V, "std", "10", ""),
    ("kling-v1", T2V, "pro", "5 10", ""),
    ("kling-v1", I2V, "std", "5", "start_end_frame motion_brush"),
    ("kling-v1", I2V, "std", "10", ""),
    ("kling-v1", I2V, "pro", "5", "start_end_frame motion_brush"),
    ("kling-v1", I2V, "pro", "10", ""),
    ("kling-v1-5", I2V, "std", "5 10", ""),
    (
        "kling-v1-5",
        I2V,
        "pro",
        "5",
        "start_end_frame end_frame_only motion_brush camera_control_simple",
    ),
    ("kling-v1-5", I2V, "pro", "10", "start_end_frame end_frame_only"),
    ("kling-v1-6", T2V, "std", "5 10", ""),
    ("kling-v1-6", T2V, "pro", "5 10", ""),
    ("kling-v1-6", I2V, "std", "5 10", ""),
    ("kling-v1-6", I2V, "pro", "5 10", "start_end_frame end_frame_only"),
    ("kling-v2-master", T2V, "none", "5 10", ""),
    ("kling-v2-master", I2V, "none", "5 10", ""),
    ("kling-v2-1", I2V, "std", "5 10", ""),
    ("kling-v2-1", I2V, "pro", "5 10", "start_end_frame"),
    ("kling-v2-1-master", T2V, "none", "5 10", ""),
    ("kling-v2-1-master", I2V, "none", "5 10", ""),
    ("kling-v2-5-turbo", T2V, "std", "5 10", ""),
    ("kling-v2-5-turbo", T2V, "pro", "5 10", ""),
    ("kling-v2-5-turbo", I2V, "std", "5 10", ""),
    ("kling-v2-5-turbo", I2V, "pro", "5 10", "start_end_frame"),
    ("kling-v2-6", T2V, "std", "5 10", ""),
    ("kling-v2-6", T2V, "pro", "5 10", "sound"),
    ("kling-v2-6", I2V, "std", "5 10", ""),
    ("kling-v2-6", I2V, "pro", "5 10", "sound start_end_frame voice_control"),
    ("kling-v3", T2V, "std", LONG, "multi_shot sound"),
    ("kling-v3", T2V, "pro", LONG, "multi_shot sound"),
    ("kling-v3", T2V, "4k", LONG, "multi_shot sound"),
    ("kling-v3", I2V, "std", LONG, "multi_shot sound start_end_frame element_control"),
    ("kling-v3", I2V, "pro", LONG, "multi_shot sound start_end_frame element_control"),
    ("kling-v3", I2V, "4k", LONG, "multi_shot sound start_end_frame element_control"),
]

USES: dict[str, dict[str, object]] = {
    "start_end_frame": {"image": "a", "image_tail": "b"},
    "end_frame_only": {"image_tail": "b"},
    "motion_brush": {"image": "a", "static_mask": "m"},
    "camera_control": {"camera_control": {"type": "down_back"}},
    "camera_control_simple": {"image": "a", "camera_control": {"type": "simple"}},
    "multi_shot": {"image": "a", "multi_shot": True},
    "sound": {"image": "a", "sound": "on"},
    "element_control": {"image": "a", "element_list": [{"element_id": 1}]},
    "voice_control": {"image": "a", "voice_list": [{"voice_id": "v"}]},
}


def request(model: str, mode: str, duration: str, **fields: object) -> dict[str, object]:
    """Fields of a video request; no `mode` where the model has none."""
    chosen = {} if mode == "none" else {"mode": mode}
    return {"model_name": model, "duration": duration, **chosen, **fields}


def judged(endpoint: Endpoint, fields: dict[str, object]) -> list[Violation]:
    """The violations that the table alone finds."""
    return check(endpoint.name, (), endpoint.features, fields).violations


def cases() -> Iterator[tuple[str, Endpoint, str, str, str, bool]]:
    """Every cell of the table with every feature of its endpoint, offered or not."""
    for model, endpoint, mode, durations, features in TABLE:
        for duration in durations.split():
            for feature in endpoint.features:
                yield model, endpoint, mode, duration, feature, feature in features.split()


@pytest.mark.parametrize("model, endpoint, mode, durations, features", TABLE)
def test_table_matches_the_published_map(
    model: str, endpoint: Endpoint, mode: str, durations: str, features: str
) -> None:
    """Our data holds each row of the map, with neither more nor fewer features."""
    row = tables.model(model, endpoint.name)
    assert row is not None
    for duration in durations.split():
        offered = row.endpoints[endpoint.name].modes[mode][duration]
        assert set(offered) == {"generation", *features.split()}


def test_table_has_no_further_cells() -> None:
    """The data offers nothing that the published map does not."""
    published = {
        (model, endpoint.name, mode, duration)
        for model, endpoint, mode, durations, _ in TABLE
        for duration in durations.split()
    }
    ours = {
        (model.name, endpoint.name, mode, duration)
        for endpoint in (T2V, I2V)
        for model in tables.models(endpoint.name)
        for mode, durations in model.endpoints[endpoint.name].modes.items()
        for duration in durations
    }
    assert ours == published


def test_every_cell_and_feature_both_ways() -> None:
    """A feature passes exactly where the map offers it, and is the only thing refused elsewhere."""
    for model, endpoint, mode, duration, feature, offered in cases():
        fields = request(model, mode, duration, **USES[feature])
        found = judged(endpoint, fields)
        where = (model, endpoint.name, mode, duration, feature)
        assert len(found) == (0 if offered else 1), (where, found)
        if found:
            assert found[0].field in USES[feature], where
            assert found[0].valid, where
            assert found[0].source == "Kling capability map, 2026-03"


@pytest.mark.parametrize("model, endpoint, mode, durations, features", TABLE)
def test_a_duration_that_no_row_offers(
    model: str, endpoint: Endpoint, mode: str, durations: str, features: str
) -> None:
    """Any other number of seconds is one violation of `duration`, whatever else is asked."""
    for duration in {str(n) for n in range(1, 21)} - set(durations.split()) - {"5", "10"}:
        found = judged(endpoint, request(model, mode, duration, image="a"))
        assert [v.field for v in found] == ["duration"]
        assert f"you asked for {duration}" in found[0].message


def only(endpoint: str, **fields: object) -> Violation:
    """The one violation that the table finds."""
    declared = {"text_to_video": T2V, "image_to_video": I2V}.get(endpoint)
    features = declared.features if declared else {}
    (violation,) = check(endpoint, (), features, fields).violations
    return violation


def test_duration_message() -> None:
    """The message says what the model makes and what was asked, the advice what to type."""
    found = only("text_to_video", model_name="kling-v2-6", mode="std", duration="7")
    assert found == Violation(
        "duration",
        "kling-v2-6 makes 5 or 10 seconds; you asked for 7",
        "duration=5 or duration=10",
        "Kling capability map, 2026-03",
    )
    found = only("text_to_video", model_name="kling-v3", mode="std", duration="20")
    assert found.message == "kling-v3 makes 3 to 15 seconds; you asked for 20"
    assert found.valid == "duration=15"


@pytest.mark.parametrize(
    "fields, message, valid",
    [
        (
            {"model_name": "kling-v2-6", "sound": "on"},
            "kling-v2-6 offers sound only with mode=pro; you asked for mode=std",
            "mode=pro",
        ),
        (
            {"model_name": "kling-v2-6", "sound": "on", "mode": "std", "duration": "10"},
            "kling-v2-6 offers sound only with mode=pro; you asked for mode=std",
            "mode=pro",
        ),
        (
            {"model_name": "kling-v2-5-turbo", "sound": "on"},
            "kling-v2-5-turbo does not offer sound; kling-v3 and kling-v2-6 can",
            "model_name=kling-v3",
        ),
        (
            {"model_name": "kling-v1", "camera_control": {"type": "down_back"}, "mode": "pro"},
            (
                "kling-v1 offers camera control only with mode=std and duration=5; "
                "you asked for mode=pro and duration=5"
            ),
            "mode=std",
        ),
        (
            {"model_name": "kling-v1", "camera_control": {"type": "down_back"}, "duration": "10"},
            (
                "kling-v1 offers camera control only with mode=std and duration=5; "
                "you asked for mode=std and duration=10"
            ),
            "duration=5",
        ),
        (
            {"model_name": "kling-v3", "camera_control": {"type": "down_back"}},
            "kling-v3 does not offer camera control; kling-v1 could, and is retired",
            "no camera_control",
        ),
        (
            {"model_name": "kling-v2-6", "mode": "4k"},
            "kling-v2-6 has the modes std and pro; you asked for 4k",
            "mode=std or mode=pro",
        ),
        (
            {"model_name": "kling-v2-6", "mode": "4k", "sound": "on"},
            "kling-v2-6 has the modes std and pro; you asked for 4k",
            "mode=pro",
        ),
        (
            {"model_name": "kling-v2-master", "mode": "std"},
            "kling-v2-master takes no mode",
            "no mode",
        ),
        (
            {"model_name": "kling-v2-6", "cfg_scale": 0.5},
            "kling-v2-6 does not take cfg_scale",
            "no cfg_scale or model_name=kling-v3",
        ),
        (
            {"model_name": "kling-v2-1"},
            "kling-v2-1 does not do text to video",
            "model_name=kling-v3 or model_name=kling-v2-5-turbo",
        ),
    ],
)
def test_text_to_video_messages(fields: dict[str, object], message: str, valid: str) -> None:
    """Each kind of violation in the words a person reads, the nearest change first."""
    found = only("text_to_video", **fields)
    assert (found.message, found.valid) == (message, valid)


def test_sound_and_end_frame_exclude_each_other_on_v2_6() -> None:
    """kling-v2-6 makes sound or an end frame; kling-v3 makes both."""
    fields = request("kling-v2-6", "pro", "5", image="a", image_tail="b", sound="on")
    (found,) = judged(I2V, fields)
    assert found.message == "kling-v2-6 cannot combine sound and an end frame"
    assert found.valid == "sound=off or no image_tail or model_name=kling-v3"
    assert judged(I2V, {**fields, "model_name": "kling-v3"}) == []


def test_advice_fits_the_whole_request() -> None:
    """Where the nearest change would only meet the next refusal, the advice goes further."""
    fields = request("kling-v2-6", "std", "5", image="a", image_tail="b", sound="on")
    found = {v.message.partition(";")[0]: v.valid for v in judged(I2V, fields)}
    assert found["kling-v2-6 offers sound only with mode=pro"] == "model_name=kling-v3"
    assert found["kling-v2-6 offers an end frame only with mode=pro"] == "model_name=kling-v3"
    assert judged(I2V, {**fields, "model_name": "kling-v3"}) == []


def test_an_unknown_model_passes_with_near_names() -> None:
    """A model that the data does not know is a warning with near names, never a refusal."""
    findings = check("text_to_video", (), T2V.features, {"model_name": "kling-v2.6", "mode": "8k"})
    assert findings.violations == []
    (warning,) = findings.warnings
    assert warning.startswith("kling-v2.6 is not in the model list of 2026-10-08")
    assert "did you mean kling-v2-6" in warning
    (warning,) = check("text_to_video", (), {}, {"model_name": "sora"}).warnings
    assert "did you mean" not in warning


@pytest.mark.parametrize(
    "endpoint, model, warning",
    [
        (
            "text_to_video",
            "kling-v1-6",
            "kling-v1-6 was retired on 2026-09-15; use kling-v2-5-turbo",
        ),
        (
            "text_to_video",
            "kling-v1",
            "kling-v1 is retired (seen 2026-09-28); use kling-v2-5-turbo",
        ),
        ("image_generation", "kling-v2", "kling-v2 was retired on 2026-09-15; use kling-v3"),
        (
            "virtual_try_on",
            "kolors-virtual-try-on-v1-5",
            "kolors-virtual-try-on-v1-5 is being retired (seen 2026-09-28)",
        ),
        (
            "multi_image_to_video",
            "kling-v1-6",
            (
                "multi image to video is retired (answers: This API is no longer available, "
                "2026-09-28); use image_to_video with model_name=kling-v3 and element_list"
            ),
        ),
    ],
)
def test_ended_models_and_endpoints_warn(endpoint: str, model: str, warning: str) -> None:
    """What is retired or retiring passes with one dated warning that says what to use."""
    fields = {"model_name": model, "image": "a"}
    findings = check(endpoint, (), {}, fields)
    assert findings.violations == []
    assert findings.warnings == [warning]


def test_no_successor_is_named_that_lacks_what_is_asked() -> None:
    """No living model has the motion brush; with an end frame the successor stands."""
    fields = request("kling-v1-5", "pro", "5", image="a", static_mask="m")
    features, rules = image_to_video.ENDPOINT.features, ()
    (warning,) = check("image_to_video", rules, features, fields).warnings
    assert warning == "kling-v1-5 was retired on 2026-09-15"
    fields = request("kling-v1-5", "pro", "5", image="a", image_tail="b")
    (warning,) = check("image_to_video", rules, features, fields).warnings
    assert warning.endswith("; use kling-v2-5-turbo")


@pytest.mark.parametrize("model", ["kling-v3", "kling-v2-6", "kling-v2-5-turbo"])
def test_living_models_do_not_warn(model: str) -> None:
    """Active and merely unverified models pass silently."""
    assert check("text_to_video", (), {}, {"model_name": model}).warnings == []


EXTENSION = {"extension": Given("video_id")}


def test_only_some_videos_can_be_extended() -> None:
    """An extension needs a source of kling-v1, v1-5 or v1-6; an unknown source passes."""
    fields = {"video_id": "1"}
    for parent in ("kling-v1", "kling-v1-5", "kling-v1-6", None):
        found = check("video_extension", (), EXTENSION, fields, parent_model=parent)
        assert found.violations == []
        assert found.warnings[0].startswith("video extension is retired")
    found = check("video_extension", (), EXTENSION, fields, parent_model="kling-v3")
    assert found.violations == [
        Violation(
            "video_id",
            "only videos of kling-v1-6, kling-v1-5 or kling-v1 can be the source; "
            "this one is of kling-v3",
            "a video of kling-v1-6, kling-v1-5 or kling-v1",
            "Kling capability map, 2026-03",
        )
    ]
    assert check("lip_sync", (), {}, fields, parent_model="kling-v3").violations == []


def test_kling_v1_sources_take_no_negative_prompt_or_cfg_scale() -> None:
    """An extension of a kling-v1 video takes the prompt only; of kling-v1-6 all fields."""
    fields = {"video_id": "1", "negative_prompt": "x", "cfg_scale": 0.5}
    old = check("video_extension", (), EXTENSION, fields, parent_model="kling-v1").violations
    assert [(v.field, v.valid) for v in old] == [
        ("negative_prompt", "no negative_prompt"),
        ("cfg_scale", "no cfg_scale"),
    ]
    newer = check("video_extension", (), EXTENSION, fields, parent_model="kling-v1-6").violations
    assert newer == []


@pytest.mark.parametrize(
    "fields, field, message, valid",
    [
        (
            {"model_name": "kling-v1", "resolution": "2k"},
            "resolution",
            "kling-v1 makes images from words in 1k; you asked for 2k",
            "resolution=1k",
        ),
        (
            {"model_name": "kling-v2", "resolution": "2k", "image": "a"},
            "resolution",
            "kling-v2 makes images from an image in 1k; you asked for 2k",
            "resolution=1k",
        ),
        (
            {"model_name": "kling-v1", "aspect_ratio": "21:9"},
            "aspect_ratio",
            "kling-v1 makes images in 1:1, 16:9, 4:3, 3:2, 2:3, 3:4 or 9:16; you asked for 21:9",
            "aspect_ratio=16:9 or aspect_ratio=3:2 or aspect_ratio=4:3",
        ),
        (
            {"model_name": "kling-v3", "image": "a", "image_reference": "face"},
            "image_reference",
            "kling-v3 does not take image_reference",
            "no image_reference or model_name=kling-v2-1",
        ),
        (
            {"model_name": "kling-v2-1", "element_list": [1]},
            "element_list",
            "kling-v2-1 does not take element_list",
            "no element_list or model_name=kling-v3",
        ),
        (
            {"model_name": "kling-v1-5", "image": "a"},
            "image_reference",
            "kling-v1-5 needs image_reference beside image",
            "image_reference=subject or image_reference=face",
        ),
        (
            {"model_name": "kling-v2-new"},
            "image",
            "kling-v2-new only redraws an image",
            "image=…",
        ),
    ],
)
def test_image_models(fields: dict[str, object], field: str, message: str, valid: str) -> None:
    """Sizes and fields of an image model, apart for words alone and for a start image."""
    found = only("image_generation", **fields)
    assert (found.field, found.message, found.valid) == (field, message, valid)


@pytest.mark.parametrize(
    "fields",
    [
        {"model_name": "kling-v3", "resolution": "2k", "aspect_ratio": "21:9", "image": "a"},
        {"model_name": "kling-v2-1", "image": "a", "image_reference": "face", "resolution": "2k"},
        {"model_name": "kling-v2", "resolution": "2k"},
        {"model_name": "kling-v2-new", "image": "a"},
        {"model_name": "kling-v1-5", "image": "a", "image_reference": "subject"},
    ],
)
def test_image_models_accept_what_they_do(fields: dict[str, object]) -> None:
    """What the image capability map offers passes."""
    assert check("image_generation", (), {}, fields).violations == []


def test_untaken_fields() -> None:
    """The fields of which assumed values must not be sent: mode and what a model does not take."""
    assert untaken("text_to_video", "kling-v2-master") == {"mode", "cfg_scale"}
    assert untaken("text_to_video", "kling-v3") == frozenset()
    assert untaken("text_to_video", "kling-v9") == frozenset()
    assert untaken("image_generation", "kling-v2-new") >= {"aspect_ratio", "resolution"}


# --- every piece of advice is good ---------------------------------------------------------

ADVICE = re.compile(r"(\w+=\S+|no \w+)( and (\w+=\S+|no \w+))*")
EXTRAS = ["camera_control", "image_tail", "static_mask", "element_list", "voice_list", "cfg_scale"]


STAND_INS: dict[str, object] = {"multi_prompt": [{"prompt": "a boat", "duration": "5"}]}


def applied(fields: dict[str, object], way: str) -> dict[str, object]:
    """The request after typing one piece of advice."""
    changed = dict(fields)
    for step in way.split(" and "):
        if step.startswith("no "):
            changed.pop(step.removeprefix("no "), None)
        else:
            name, _, value = step.partition("=")
            plain = {"true": True, "false": False, "…": STAND_INS.get(name, "something")}
            changed[name] = plain.get(value, value)
    return changed


def kind(violation: Violation) -> str:
    """What a violation is about, whatever model it speaks of."""
    text = re.sub(r"^k\S+ ", "", violation.message)
    for pattern in ("(?:offers|does not offer) (.+?)(?: only with|;|$)", "does not take (.+)"):
        if match := re.match(pattern, text):
            return f"{violation.field}: {match[1]}"
    for word in ("takes no mode", "has the modes", "makes", "cannot combine", "does not do"):
        if text.startswith(word):
            return f"{violation.field}: {word}"
    return f"{violation.field}: {text}"


def test_kind_tells_violations_apart() -> None:
    """The property below compares kinds: the same lack on two models is one kind."""
    one = Violation("sound", "kling-v2-6 offers sound only with mode=pro; you asked for mode=std")
    two = Violation("sound", "kling-v1 does not offer sound; kling-v3 can")
    assert kind(one) == kind(two) == "sound: sound"


@st.composite
def requests(draw: st.DrawFn) -> tuple[Endpoint, dict[str, object]]:
    """Any mixture of settings, sensible or not."""
    endpoint = draw(st.sampled_from([T2V, I2V, image_generation.ENDPOINT]))
    names = sorted({model.name for model in tables.models()})
    fields: dict[str, object] = {"model_name": draw(st.sampled_from(names))}
    if endpoint is image_generation.ENDPOINT:
        fields |= {"prompt": "a boat"}
        choices: dict[str, list[object]] = {
            "image": ["a.png"],
            "image_reference": ["face", "subject"],
            "image_fidelity": [0.5],
            "human_fidelity": [0.5],
            "negative_prompt": ["rain"],
            "resolution": ["1k", "2k"],
            "aspect_ratio": ["1:1", "21:9", "9:16"],
            "element_list": [[{"element_id": 1}]],
        }
    else:
        choices = {name: ["something"] for name in EXTRAS}
        choices["camera_control"] = [{"type": "down_back"}]
        choices |= {
            "image": ["a.png"],
            "prompt": ["a boat"],
            "mode": ["std", "pro", "4k"],
            "duration": [str(seconds) for seconds in range(1, 18)],
            "sound": ["on", "off"],
            "multi_shot": [True, False],
            "shot_type": ["customize", "intelligence"],
        }
        if endpoint is T2V:
            for name in ("image", "image_tail", "static_mask", "element_list", "voice_list"):
                del choices[name]
    for name, values in choices.items():
        if draw(st.booleans()):
            fields[name] = draw(st.sampled_from(values))
    return endpoint, fields


@settings(max_examples=400, deadline=None)
@given(requests())
def test_every_advice_is_good(case: tuple[Endpoint, dict[str, object]]) -> None:
    """Each way that a violation offers can be typed, and typing it removes that violation."""
    endpoint, fields = case
    for violation in check(endpoint.name, endpoint.rules, endpoint.features, fields).violations:
        ways = violation.valid.split(" or ")
        assert all(ADVICE.fullmatch(way) for way in ways), violation
        for way in ways:
            after = applied(fields, way)
            assert after != fields, (violation, way)
            rest = check(endpoint.name, endpoint.rules, endpoint.features, after).violations
            assert kind(violation) not in {kind(other) for other in rest}, (violation, way, rest)
