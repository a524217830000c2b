"""What else a request could have: tried against the rules, never written down twice."""

from __future__ import annotations

from typing import Any

import pytest

from kling_core.declare import choices, registry
from kling_core.declare.endpoint import Request

URL = "https://example.com/a.png"
EVERY = [pytest.param(e, id=e.name) for e in registry.endpoints()]


def judged(name: str, **given: Any) -> choices.Possible:
    return choices.judge(registry.get(name).request(**given))


@pytest.mark.parametrize("endpoint", EVERY)
def test_samples_are_valid_by_type_and_bounds(endpoint):
    """A sample of a field alone breaks no rule about that field's own form."""
    for name, declared in endpoint.request.params().items():
        found = choices.samples(declared)
        assert found
        for sample in found:
            violations = endpoint.request(**{name: sample}).check().violations
            assert not [v for v in violations if v.field.startswith(f"{name}.")]
            assert not [v for v in violations if "out of range" in v.message]


@pytest.mark.parametrize("endpoint", EVERY)
def test_what_is_refused_breaks_a_rule_and_what_is_not_does_not(endpoint):
    """A choice is refused exactly when giving it raises an objection of its own."""
    bare = endpoint.request()
    found = choices.judge(bare)
    before = {(v.field, v.message) for v in bare.check().violations}
    for name, declared in endpoint.request.params().items():
        if choices.is_named(declared) or name in found.fields:
            continue
        for choice in choices.choices(endpoint, name):
            after = bare.replace(**{name: choice.value}).check().violations
            own = [v for v in after if v.field == name and (v.field, v.message) not in before]
            assert bool(own) == (choice.value in found.choices.get(name, {})), (name, choice)


def test_the_model_decides_what_can_be_had():
    """Another model offers other modes, lengths and features, and the reason names it."""
    turbo, v3 = judged("t2v", prompt="a"), judged("t2v", prompt="a", model_name="kling-v3")
    assert turbo.choices["mode"] == {"4k": "kling-v2-5-turbo has the modes std and pro"}
    assert turbo.fields["multi_shot"] == (
        "kling-v2-5-turbo does not offer several shots; kling-v3 can"
    )
    assert set(turbo.choices["duration"]) == {str(n) for n in range(3, 16)} - {"5", "10"}
    assert "mode" not in v3.choices
    assert "duration" not in v3.choices
    assert "multi_shot" not in v3.fields


def test_the_model_itself_is_never_refused():
    """Whatever else is chosen, another model may be chosen; what it lacks is told then."""
    found = judged("t2v", prompt="a", model_name="kling-v3", duration=15, sound="on")
    assert "model_name" not in found.choices
    assert "model_name" not in found.fields


def test_what_excludes_another_field_is_refused():
    """An end frame cannot be had beside a camera move, nor a text beside a sound."""
    camera = {"zoom": 5}
    found = judged("i2v", image=URL, model_name="kling-v1-5", mode="pro", camera_control=camera)
    assert found.fields["image_tail"] == "image_tail cannot go together with camera_control"
    spoken = judged("lip_sync", video_id="1", text="hello", voice_id="oversea_male1")
    assert spoken.fields["audio"] == "only one of text and audio may be given"


def test_what_is_only_still_to_be_filled_in_refuses_nothing():
    """Several shots need a kind of shots beside them, which can be given next."""
    assert "multi_shot" not in judged("t2v", prompt="a", model_name="kling-v3").fields
    assert "camera_control" not in judged("t2v", prompt="a", model_name="kling-v1").fields


def test_inside_an_object_the_same_is_judged():
    """A fixed move takes no values, and only a simple one can be had for an image."""
    fixed = judged("t2v", prompt="a", model_name="kling-v1", camera_control="down_back")
    assert fixed.fields["camera_control.config"] == "down_back is a fixed move and takes no values"
    simple = {"type": "simple"}
    image = judged("i2v", image=URL, model_name="kling-v1-5", mode="pro", camera_control=simple)
    assert set(image.choices["camera_control.type"]) == {
        "down_back", "forward_up", "right_turn_forward", "left_turn_forward"
    }  # fmt: skip


def test_what_is_given_is_not_among_the_refused_fields():
    """A field that is wrong is an error to be mended, and stays open for it."""
    found = judged("t2v", prompt="a", cfg_scale=0.5)
    assert "cfg_scale" not in found.fields


def test_a_sum_that_is_wrong_already_refuses_no_length():
    """That the shots do not fill the clip is one error, and says nothing about its length."""
    shots = [{"prompt": "a", "duration": 2}, {"prompt": "b", "duration": 4}]
    found = judged(
        "t2v", model_name="kling-v3", multi_shot=True, shot_type="customize", multi_prompt=shots
    )
    assert "duration" not in found.choices


def test_named_choices_tell_what_is_special():
    """Retired models stand last and say so; scenes say that they take two images."""
    models = choices.choices(registry.get("t2v"), "model_name")
    assert [c.note for c in models][-1] == "retired"
    assert [c.note == "retired" for c in models] == sorted(c.note == "retired" for c in models)
    scenes = choices.choices(registry.get("effects"), "effect_scene")
    assert {c.note for c in scenes} == {"", "two images"}


def test_trying_changes_nothing():
    """The request that is judged stays as it is."""
    request: Request = registry.get("t2v").request(prompt="a", duration=10)
    choices.judge(request)
    assert request.given == {"prompt": "a", "duration": 10}
