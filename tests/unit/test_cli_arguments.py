"""The parser that every endpoint's declaration becomes."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_core.commands.arguments import (
    HelpShown,
    UsageProblem,
    build,
    consumes,
    example,
    fields,
    nearest,
    options,
    parse,
)
from kling_core.declare import registry

ENDPOINTS = registry.endpoints()
T2V = registry.get("text_to_video")


def typed(endpoint, line, *, positional=True):
    parser = build(endpoint, prog=f"kling run {endpoint.command}", positional=positional)
    argv = shlex.split(line) if isinstance(line, str) else line
    return fields(endpoint, parse(parser, argv))


@pytest.fixture(params=ENDPOINTS, ids=lambda e: e.name)
def endpoint(request):
    return request.param


def test_every_field_is_an_option_with_its_words(endpoint):
    """The help of an endpoint names each declared field once and says what it means."""
    parser = build(endpoint, prog="kling")
    with pytest.raises(HelpShown) as shown:
        parse(parser, ["--help"])
    text = " ".join(shown.value.text.split())
    assert len(options(endpoint)) == len(endpoint.request.params())
    for option, declared in zip(options(endpoint), endpoint.request.params().values(), strict=True):
        assert option.flag in text
        assert " ".join(declared.doc.split()) in text


def test_the_example_is_read_back(endpoint):
    """The example in the help, typed, gives the fields of the declaration's example."""
    given = typed(endpoint, example(endpoint))
    assert given.keys() == endpoint.example.keys()
    assert {k: v if isinstance(v, list) else str(v) for k, v in given.items()} == {
        k: v if isinstance(v, list) else str(v) for k, v in endpoint.example.items()
    }


def test_each_spelling_belongs_to_one_field(endpoint):
    """No option is spelled like another."""
    spellings = [s for option in options(endpoint) for s in (*option.spellings, option.negative)]
    spellings = [s for s in spellings if s]
    assert len(spellings) == len(set(spellings))


def test_values_pass_as_they_were_typed():
    """The parser judges no value: the request's check names all that is wrong at once."""
    given = typed(T2V, "--duration 7 --cfg-scale 2 a boat in rain --mode prro --aspect-ratio 4:3")
    assert given == {
        "prompt": "a boat in rain",
        "duration": "7",
        "cfg_scale": "2",
        "mode": "prro",
        "aspect_ratio": "4:3",
    }
    wrong = {v.field for v in T2V.request(**given).check().violations}
    assert wrong == {"duration", "cfg_scale", "mode", "aspect_ratio"}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("--sound a boat", {"sound": "on", "prompt": "a boat"}),
        ("--sound off a boat", {"sound": "off", "prompt": "a boat"}),
        ("--no-sound a boat", {"sound": "off", "prompt": "a boat"}),
        ("--multi-shot x", {"multi_shot": True, "prompt": "x"}),
        ("--no-multi-shot", {"multi_shot": False}),
        ("--multi-shot=off", {"multi_shot": False}),
        ("--watermark x", {"watermark_info": True, "prompt": "x"}),
        ("-d5 x", {"duration": "5", "prompt": "x"}),
        ("-d=5", {"duration": "5"}),
        ("--aspect_ratio 1:1", {"aspect_ratio": "1:1"}),
        ("--model kling-v3", {"model_name": "kling-v3"}),
        ("--cfg-scale -1", {"cfg_scale": "-1"}),
        ("--negative-prompt=--dull--", {"negative_prompt": "--dull--"}),
        ("-5 degrees", {"prompt": "-5 degrees"}),
        ("-- --duration 7", {"prompt": "--duration 7"}),
        ("'- a list, not an option'", {"prompt": "- a list, not an option"}),
        ("--prompt 'said so'", {"prompt": "said so"}),
        ("--mode std --mode pro", {"mode": "pro"}),
    ],
)
def test_spellings(line, expected):
    """Switches, flags, short options, aliases, negatives and words that begin with a dash."""
    assert typed(T2V, line) == expected


@pytest.mark.parametrize(
    "line, expected",
    [
        ("--camera zoom=5", "zoom=5"),
        ("--camera-control down_back", "down_back"),
        ("""--camera '{"type": "simple", "config": {"pan": 1}}'""", {"pan": 1}),
    ],
)
def test_camera_spellings(line, expected):
    """The camera takes its short spelling and JSON."""
    given = typed(T2V, line)["camera_control"]
    assert (given["config"] if isinstance(given, dict) else given) == expected


def test_shots():
    """A shot is its seconds and its words, repeated; or JSON; or a file of JSON."""
    line = "--shot '3 a boat leaves' --shot '2s it sinks'"
    shots = [{"duration": "3", "prompt": "a boat leaves"}, {"duration": "2", "prompt": "it sinks"}]
    assert typed(T2V, line)["multi_prompt"] == shots
    assert typed(T2V, ["--multi-prompt", json.dumps(shots)])["multi_prompt"] == shots
    with pytest.raises(UsageProblem, match="does not begin with the seconds"):
        typed(T2V, "--shot 'a boat leaves'")


def test_json_from_a_file(tmp_path):
    """`@file` reads JSON, and a bad file or bad JSON is a usage problem that names it."""
    file = tmp_path / "camera.json"
    file.write_text('{"zoom": 3}')
    assert typed(T2V, ["--camera", f"@{file}"])["camera_control"] == {"zoom": 3}
    file.write_text("zoom: 3")
    with pytest.raises(UsageProblem, match=r"camera\.json is not valid JSON"):
        typed(T2V, ["--camera", f"@{file}"])
    with pytest.raises(UsageProblem, match="cannot be read"):
        typed(T2V, ["--camera", f"@{tmp_path / 'none.json'}"])


def test_repeated_images_become_a_list():
    """One image stays itself; several are a list, under the name that the endpoint gives it."""
    multi = registry.get("multi_image_to_video")
    assert typed(multi, "-i a.jpg --image b.jpg x")["image_list"] == ["a.jpg", "b.jpg"]
    assert typed(multi, "--image a.jpg x")["image_list"] == "a.jpg"
    assert typed(registry.get("effects"), "--image a.jpg hug")["image"] == "a.jpg"
    assert typed(registry.get("effects"), "-i a -i b hug")["image"] == ["a", "b"]


def test_ids_repeat():
    """Elements are given one by one, as JSON, or both."""
    line = ["--element", "12", "--element-list", '[{"element_id": 3}, 4]']
    assert typed(registry.get("i2v"), line)["element_list"] == ["12", {"element_id": 3}, 4]


def test_objects_pass_through():
    """A value that is no string reaches the request as the object it is."""
    picture = bytearray(b"png")
    given = typed(registry.get("i2v"), ["--image", picture, "-d", 10, "it moves"])
    assert given["image"] is picture
    assert given["duration"] == 10
    assert given["prompt"] == "it moves"


@pytest.mark.parametrize(
    "line, message",
    [
        ("--modle kling-v3 x", "unknown option --modle; did you mean --model-name?"),
        ("--durration 5", "did you mean --duration?"),
        ("--zebra", "unknown option --zebra"),
        ("--image a.jpg", "text-to-video takes no --image. It belongs to "),
        ("--dur 5", "unknown option --dur"),
        ("--duration", "--duration needs a value"),
        ("--duration --mode pro", "--duration needs a value"),
        ("--prompt a b c", "prompt is given twice"),
        ("--no-sound=x", "--no-sound"),
    ],
)
def test_usage_problems(line, message):
    """What cannot be understood is a `UsageProblem` in plain words, never an exit."""
    with pytest.raises(UsageProblem) as problem:
        typed(T2V, line)
    assert message in str(problem.value)


def test_words_without_a_place():
    """Endpoints without a prompt, and parsers built without words, refuse stray words."""
    with pytest.raises(UsageProblem, match="takes no other words"):
        typed(registry.get("try-on"), "a dress")
    with pytest.raises(UsageProblem, match="takes no other words"):
        typed(T2V, "a boat", positional=False)


@pytest.mark.parametrize(
    "token, following, count",
    [
        ("a", None, 0),
        ("-5", None, 0),
        ("--", "x", 0),
        ("-", "x", 0),
        ("--duration", "5", 2),
        ("--duration=5", "x", 1),
        ("-d", "5", 2),
        ("-d5", "x", 1),
        ("--sound", "on", 2),
        ("--sound", "a", 1),
        ("--sound", None, 1),
        ("--multi-shot", "on", 1),
        ("--no-sound", "off", 1),
    ],
)
def test_how_many_tokens_an_option_takes(token, following, count):
    """The notebook grammar asks this to find where the prompt begins."""
    assert consumes(build(T2V, prog="kling"), token, following) == count


def test_models_are_told():
    """--model-name shows the live models and the default; retired ones are not offered."""
    option = next(o for o in options(T2V) if o.field == "model_name")
    assert "kling-v2-5-turbo" in option.choices
    assert "kling-v1" not in option.choices
    assert "default kling-v2-5-turbo" in option.doc


def test_nearest():
    """Swapped letters beat a shorter likeness."""
    assert nearest("--modle", ["--mode", "--model"]) == "--model"
    assert nearest("--xyz", ["--mode", "--model"]) is None


@given(st.lists(st.text(max_size=12), max_size=6))
def test_no_command_line_exits_or_crashes(argv):
    """Any words give fields, help or a `UsageProblem`, and nothing else."""
    parser = build(T2V, prog="kling run text-to-video")
    try:
        given_fields = fields(T2V, parse(parser, argv))
    except (UsageProblem, HelpShown):
        return
    assert set(given_fields) <= set(T2V.request.params())


@given(st.text(min_size=1).filter(lambda t: not t.startswith("-")))
def test_one_quoted_prompt_is_verbatim(prompt):
    """A prompt in one word is never changed."""
    assert typed(T2V, ["--mode", "pro", prompt])["prompt"] == prompt
