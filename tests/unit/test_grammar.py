"""What is typed after `%kling`: options, and the prompt as it was typed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kling_core.cli.arguments import HelpShown, UsageProblem
from kling_core.endpoints import registry
from kling_jupyter import grammar

T2V = registry.get("text_to_video")
I2V = registry.get("image_to_video")
PROSE = [registry.get(n) for n in registry.names() if grammar._free_text(registry.get(n))]


def read(text, cell=None, names=None, endpoint=T2V):
    return grammar.generation(endpoint, text, cell, names or {})


# --- the prompt ----------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(PROSE))
@example("it's a {trap", T2V)
@example('{"json": {"a": 1}} and {1+1} and $x', T2V)
@example("{{doubled}} %s %(a)s \\", T2V)
@example('\'unbalanced and "quoted" --duration 9  ', I2V)
def test_no_prompt_on_the_line_is_changed(prompt, endpoint):
    """Whatever stands behind the options arrives as it was typed, to the last blank."""
    assume(prompt.strip())
    typed = prompt.lstrip()
    found = read(f"--out here -- {typed}", endpoint=endpoint)
    assert found.fields == {endpoint.positional: typed}
    if not typed.startswith("-"):
        assert read(f"--out here {typed}", endpoint=endpoint).fields == found.fields


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(PROSE))
def test_no_prompt_in_a_cell_is_changed(prompt, endpoint):
    """The body of a cell arrives as it stands, less the line break that the cell magic adds."""
    assume(prompt.strip() and not prompt.endswith("\r"))  # which is part of a line break
    assume(not prompt.lstrip().startswith("-"))  # may be options, see test_grammar_fuzz
    assert read("", prompt + "\n", endpoint=endpoint).fields == {endpoint.positional: prompt}


@given(
    st.text(st.characters(codec="utf-8")),
    st.dictionaries(st.from_regex(r"[a-z]{1,3}"), st.integers()),
)
def test_braces_without_a_variable_are_text(prompt, names):
    """Only `{name}` of a variable that exists changes; the rest of the prompt stays."""
    assume(prompt.strip() and not prompt.endswith("\r"))  # the end of a line may be "\r\n"
    found = read("", prompt + "\n", names).fields["prompt"]
    for name, value in names.items():
        prompt = prompt if f"{{{{{name}" in prompt else prompt.replace(f"{{{name}}}", str(value))
    if "{{" not in prompt and "}}" not in prompt:
        assert found == prompt


@pytest.mark.parametrize(
    "typed, fields",
    [
        ("a cat's toy", {"prompt": "a cat's toy"}),
        ("-d 5 a boat", {"duration": "5", "prompt": "a boat"}),
        ("-d5 a boat", {"duration": "5", "prompt": "a boat"}),
        ("--duration=10  a  boat ", {"duration": "10", "prompt": "a  boat "}),
        ("--mode pro -d 5 a", {"duration": "5", "mode": "pro", "prompt": "a"}),
        ("a boat -d 10", {"prompt": "a boat -d 10"}),
        ("-5 degrees, snow", {"prompt": "-5 degrees, snow"}),
        ("- a dash", {"prompt": "- a dash"}),
        ("-- --not an option", {"prompt": "--not an option"}),
        ('"in quotes" it says', {"prompt": '"in quotes" it says'}),
        ("--negative-prompt 'blur, fog' a", {"negative_prompt": "blur, fog", "prompt": "a"}),
        ('--negative-prompt "it\'s" a', {"negative_prompt": "it's", "prompt": "a"}),
        ('--negative-prompt="two words" a', {"negative_prompt": "two words", "prompt": "a"}),
        ("--negative-prompt it's a", {"negative_prompt": "it's", "prompt": "a"}),
        ("--sound a boat", {"sound": "on", "prompt": "a boat"}),
        ("--sound off a boat", {"sound": "off", "prompt": "a boat"}),
        ('--camera-control {"zoom": 5} a', {"camera_control": {"zoom": 5}, "prompt": "a"}),
        ("--camera zoom=5 a", {"camera_control": "zoom=5", "prompt": "a"}),
        ("", {}),
    ],
)  # fmt: skip
def test_options_end_where_the_prompt_begins(typed, fields):
    """Options come first, in any of their spellings; the first other word begins the prompt."""
    assert read(typed).fields == fields


def test_settings_are_kept_from_the_request():
    """The options of the notebook are read beside the fields and never among them."""
    found = read("--name clip --out here --no-wait --max-cost 0.5 --timeout 60s --raw a")
    assert found.fields == {"prompt": "a"}
    assert found.settings == grammar.Settings(
        name="clip", out="here", wait=False, max_cost="0.5", raw=True, timeout=60.0
    )


@pytest.mark.parametrize(
    "prompt, noted",
    [
        ("a boat --duration 10", ["--duration 10"]),
        ("a cat -d 10", ["-d 10"]),
        ("a cat -d10 --mode=pro", ["-d10", "--mode=pro"]),
        ("a cat --aspect_ratio 1:1 --no-wait", ["--aspect_ratio 1:1", "--no-wait"]),
        ("a cat --duration", ["--duration"]),
        ("a cat --whiskers at -5 degrees - or so", []),
    ],
)
def test_late_options_are_noted(prompt, noted):
    """An option behind the first word of the prompt is prompt, and the reader is told."""
    found = read(prompt)
    assert found.fields == {"prompt": prompt}
    why = "stands after the prompt began and is part of it; options go first"
    assert found.notes == tuple(f"{option} {why}" for option in noted)


def test_a_scene_is_a_word_and_options_may_follow_it():
    """Where the words are no prose, options come in any order."""
    effects = registry.get("effects")
    assert read("bullet_time_360 --image a.jpg", endpoint=effects).fields == {
        "effect_scene": "bullet_time_360",
        "image": "a.jpg",
    }


# --- variables -----------------------------------------------------------------------------


class Room:
    name = "hall"
    lamps = ("red", "blue")

    @property
    def broken(self):
        raise RuntimeError("out of order")


NAMES = {"room": Room(), "n": 3, "table": {"key": "value", 2: "two"}}


@pytest.mark.parametrize(
    "prompt, made",
    [
        ("{n} cats", "3 cats"),
        ("{room.name}, {room.lamps[1]}", "hall, blue"),
        ("{table['key']} {table[key]} {table[2]}", "value value two"),
        ("{nobody} {n!r} {n:>5} {n+1} { n }", "{nobody} {n!r} {n:>5} {n+1} { n }"),
        ("{{n}} {}", "{{n}} {}"),
        ("{room.lamps[-1]}", "blue"),
    ],
)
def test_variables_are_filled_in(prompt, made):
    """Names, attributes and keys of what exists are filled in; formats and sums are text."""
    assert read(prompt, names=NAMES).fields["prompt"] == made


@pytest.mark.parametrize("prompt", ["{room.garden}", "{room.lamps[7]}", "{room.broken}", "{n[0]}"])
def test_what_cannot_be_filled_in_stays_and_is_noted(prompt):
    """A name that leads nowhere leaves the prompt as it is, with a note."""
    found = read(prompt, names=NAMES)
    assert found.fields["prompt"] == prompt
    assert prompt in found.notes[0]


@pytest.mark.parametrize(
    "value, shown",
    [("text", "text"), (2.5, "2.5"), (Decimal("0.10"), "0.10"), (Path("a"), "a")],
)
def test_texts_numbers_and_paths_go_into_a_prompt(value, shown):
    """What reads as itself is filled in as it reads."""
    assert read("a {thing}", names={"thing": value}).fields["prompt"] == f"a {shown}"


@pytest.mark.parametrize("value", [object(), None, b"bytes", ["a"], {"a": 1}, print])
@pytest.mark.parametrize("typed", ["a {thing} glows", "--negative-prompt 'no {thing}' a cat"])
def test_objects_never_go_into_a_prompt(typed, value):
    """What would go out, and be paid for, as a `repr` is refused, with the way to pass it."""
    with pytest.raises(UsageProblem, match=r"\{thing\} is .*--image \{thing\}"):
        read(typed, names={"thing": value}, endpoint=I2V)
    with pytest.raises(UsageProblem, match=r"\{thing\} is .*--raw"):
        read(typed, names={"thing": value}, endpoint=T2V)
    assert read(f"--raw {typed}", names={"thing": value}, endpoint=I2V).fields["prompt"]


@pytest.mark.parametrize(
    "prompt, near",
    [("a {baot}", "boat"), ("a {bo}", "boat"), ("a {Boat.name}", "boat"), ("a {b}", "boat")],
)
def test_a_name_that_is_nearly_a_variable_is_noted(prompt, near):
    """A misspelt variable stays as it is written, and the reader is told before it is sent."""
    found = read(prompt, names={"boat": "x", "n": 3})
    assert found.fields["prompt"] == prompt
    (note,) = found.notes
    assert note.startswith(prompt[2:] + " is no variable and goes out as it is")
    assert f"{{{near}}}" in note


def test_braces_far_from_any_variable_are_no_matter():
    """Braces that look like nothing that exists are text, without a word."""
    assert read("a {placeholder} and {}", names={"boat": "x", "_b": 1}).notes == ()


def test_raw_takes_braces_as_they_are():
    """--raw switches variables off, in the prompt and in options."""
    found = read("--raw --negative-prompt {n} {n} cats", names=NAMES)
    assert found.fields == {"negative_prompt": "{n}", "prompt": "{n} cats"}


@pytest.mark.parametrize(
    "typed", ["--image {photo} it moves", "--image={photo} it moves", "-i {photo} it moves"]
)
def test_a_whole_variable_is_handed_over_as_an_object(typed):
    """An option's value that is one variable is the object itself, not its text."""
    photo = object()
    found = read(typed, names={"photo": photo}, endpoint=I2V)
    assert found.fields["image"] is photo
    assert found.fields["prompt"] == "it moves"


def test_structures_and_repeated_images_may_be_variables():
    """JSON fields take an object, and repeated options mix objects and paths in order."""
    masks, photo = [{"mask": "m.png"}], object()
    several = registry.get("multi_image_to_video")
    found = read("-i a.jpg -i {photo} they meet", names={"photo": photo}, endpoint=several)
    assert found.fields["image_list"] == ["a.jpg", photo]
    found = read("-i a.jpg --dynamic-masks {masks} go", names={"masks": masks}, endpoint=I2V)
    assert found.fields["dynamic_masks"] == masks


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed, cell, says",
    [
        ("--modle x a", None, "unknown option --modle; did you mean --model-name?"),
        ("--naem x a", None, "unknown option --naem; did you mean --name?"),
        ("--duration", None, "--duration needs a value"),
        ("--name 2nd a", None, "cannot be the name of a variable"),
        ("--name lambda a", None, "cannot be the name of a variable"),
        ("--name input a", None, "that is Python's own input"),
        ("--timeout soon a", None, "--timeout soon is not a number of seconds"),
        ("--timeout -1 a", None, "--timeout -1 is not a number of seconds"),
        ("--prompt one two", None, "the prompt is given twice"),
        ("one", "two", "'one' stands after the options, and the cell holds the prompt"),
    ],
)
def test_what_cannot_be_understood_is_named(typed, cell, says):
    """A slip in the options is refused with what was probably meant."""
    with pytest.raises(UsageProblem) as caught:
        read(typed, cell)
    assert says in str(caught.value)


def test_an_unknown_variable_for_an_option_is_refused():
    """A variable that does not exist is no file name."""
    with pytest.raises(UsageProblem, match="there is no variable 'photo'"):
        read("--image {photo} it moves", endpoint=I2V)


def test_a_cell_for_an_endpoint_without_prompt_is_refused():
    """A body below an endpoint that takes none is not dropped silently."""
    with pytest.raises(UsageProblem, match="takes no prompt"):
        read("--human-image a --cloth-image b", "a red shirt", endpoint=registry.get("try-on"))


@pytest.mark.parametrize("name", registry.names())
def test_every_endpoint_has_help_in_the_words_of_the_magic(name):
    """--help shows the magic's usage, its own options and an example for each endpoint."""
    endpoint = registry.get(name)
    with pytest.raises(HelpShown) as caught:
        read("--help", endpoint=endpoint)
    text = caught.value.text
    assert text.startswith(f"usage: %kling {endpoint.command} [options]")
    assert "--dry-run" in text
    assert f"\n  %kling {endpoint.command} " in text


@pytest.mark.parametrize("name", registry.names())
def test_every_example_in_the_help_can_be_typed(name):
    """What the help shows as an example is understood, and says what the declaration says."""
    endpoint = registry.get(name)
    shown = grammar._epilog(endpoint).splitlines()[1].strip()
    word, rest = grammar.first_word(shown.removeprefix("%kling "))
    assert registry.get(word) is endpoint
    typed = read(rest, endpoint=endpoint).fields
    expected = {k: v if isinstance(v, list) else str(v) for k, v in endpoint.example.items()}
    assert typed == expected
