"""What is typed after `%kling`: options, and the prompt as it was typed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kling_core.commands.arguments import HelpShown, UsageProblem
from kling_core.declare import registry
from kling_jupyter.parsing import grammar
from kling_jupyter.settings import Settings

T2V = registry.get("text_to_video")
I2V = registry.get("image_to_video")
PROSE = [registry.get(n) for n in registry.names() if grammar._free_text(registry.get(n))]


def read(text, cell=None, names=None, endpoint=T2V):
    return grammar.generation(endpoint, text, cell, names or {})


# --- the prompt ----------------------------------------------------------------------------


SUSPECT = re.compile(r"""[{$\#=@"'“‘«„\-\u2010-\u2015\u2212/\\.]""")
"""Without any of these, nothing reads as something else than a prompt."""


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(PROSE))
@example("it's a {trap", T2V)
@example("{{doubled}} %s %(a)s \\", T2V)
@example('\'unbalanced and "quoted" --duration 9  # ', I2V)
@example("@nowhere.txt", T2V)
def test_no_prompt_on_the_line_is_changed(prompt, endpoint):
    """Whatever stands behind the options arrives as it was typed, to the last blank, if at all."""
    assume(prompt.strip())
    typed = prompt.lstrip()
    raw = read(f"--out here --raw -- {typed}", endpoint=endpoint)
    assert raw.fields == {endpoint.positional: typed}
    if "{" not in typed and "$" not in typed:
        assert read(f"--out here -- {typed}", endpoint=endpoint) == replace(
            raw, settings=replace(raw.settings, raw=False)
        )
    try:
        found = read(f"--out here {typed}", endpoint=endpoint)
    except UsageProblem:
        assert SUSPECT.search(typed)
    else:
        assert found.fields == raw.fields or "quotes around the prompt" in found.notes[0]


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(PROSE))
def test_no_prompt_in_a_cell_is_changed(prompt, endpoint):
    """The body of a cell arrives as it stands, less the line break that the cell magic adds."""
    assume(prompt.strip() and not prompt.endswith("\r"))  # which is part of a line break
    raw = read("--raw", prompt + "\n", endpoint=endpoint)
    assert raw.fields == {endpoint.positional: prompt}
    try:
        found = read("", prompt + "\n", endpoint=endpoint)
    except UsageProblem:
        assert SUSPECT.search(prompt)
    else:
        assert found.fields == raw.fields or "quotes around the prompt" in found.notes[0]


@given(
    st.lists(st.sampled_from(["a boat ", "{n}", "{ n }", "{n + 1}", "}", " - ", "it's ", ": "])),
    st.integers(),
)
def test_expressions_are_filled_in_wherever_they_stand(pieces, n):
    """Only what stands in braces changes; the rest of the prompt stays."""
    prompt = "x " + "".join(pieces)
    made = re.sub(r"\{ ?n ?\}", str(n), prompt).replace("{n + 1}", str(n + 1))
    assert read("", prompt + "\n", {"n": n}).fields["prompt"] == made


@pytest.mark.parametrize(
    "typed, fields",
    [
        ("a cat's toy", {"prompt": "a cat's toy"}),
        ("-d 5 a boat", {"duration": "5", "prompt": "a boat"}),
        ("-d5 a boat", {"duration": "5", "prompt": "a boat"}),
        ("--duration=10  a  boat ", {"duration": "10", "prompt": "a  boat "}),
        ("--mode pro -d 5 a", {"duration": "5", "mode": "pro", "prompt": "a"}),
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
    assert found.settings == Settings(
        name="clip", out="here", wait=False, max_cost="0.5", raw=True, timeout=60.0
    )


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

    def lit(self, which):
        return f"the {self.lamps[which]} lamp"

    @property
    def broken(self):
        raise RuntimeError("out of order")


NAMES = {
    "room": Room(),
    "n": 3,
    "table": {"key": "value", 2: "two"},
    "key": 2,
    "name": "{not an expression}",
    "when": datetime(2026, 11, 27, tzinfo=UTC),
}


@pytest.mark.parametrize(
    "prompt, made",
    [
        ("{n} cats", "3 cats"),
        ("{room.name}, {room.lamps[1]}", "hall, blue"),
        ("{table['key']} {table[2]} {table[key]}", "value two two"),
        ("{n!r} {n:>3} {n+1} { n } {n * 2 :03}", "3   3 4 3 006"),
        ("{room.lamps[-1]} {room.lit(1)} {room.lamps[n - 3].upper()}", "blue the blue lamp RED"),
        ("{', '.join(l for l in room.lamps if l not in table)}", "red, blue"),
        ("{room.lamps[0] if n > 2 else '}'} {room.lamps[0:1][0]}", "red red"),
        ("{name} {len(name)} {max(n, 5)}", "{not an expression} 19 5"),
        ("{n / 2:.2f} {when:%Y}, {n * 1000:,}", "1.50 2026, 3,000"),
        ("it's a {trap", "it's a {trap"),
        ("a } and a { b", "a } and a { b"),
        ("price ${n}, $5, $money", "price $3, $5, $money"),
    ],
)
def test_expressions_are_evaluated(prompt, made):
    """As in other magics, with the format of an f-string; a brace without a partner is text."""
    assert read(prompt, names=NAMES).fields["prompt"] == made
    assert read("", f"{prompt}\n", NAMES).fields["prompt"] == made
    assert read(f'--negative-prompt "{prompt}" x', names=NAMES).fields["negative_prompt"] == made


@pytest.mark.parametrize(
    "prompt, says",
    [
        ("{nobody} walks", "{nobody}: there is no variable 'nobody'"),
        ("{nmae} walks", "did you mean {name}?"),
        ("{nmae.upper()} walks", "there is no variable 'nmae'; did you mean {name}?"),
        ("{[x for x in lmaps]}", "there is no variable 'lmaps'"),
        ("{id} walks", "there is no variable 'id'"),
        ("{room.garden}", "AttributeError"),
        ("{room.lamps[7]}", "IndexError"),
        ("{room.broken}", "RuntimeError: out of order"),
        ("{n[0]}", "TypeError"),
        ("{n:zz}", "ValueError"),
        ("a {placeholder} and {}", "there is no variable 'placeholder'"),
        ("{0} walks", "{0} holds no expression"),
        ("fill in {} here", "{} holds no expression"),
        ("{your name} walks", "{your name} holds no expression"),
        ('{"scene": "a boat", "camera": {"zoom": 5}}', "holds no expression"),
        ('{"width":10}', "holds no expression"),
        ("p { color: red; margin: 0 }", "holds no expression"),
        ("p {\n  color: red;\n}", "holds no expression"),
        ("{{name}} walks", "{{name}} would be sent with all its braces; a variable is {name}"),
        ("$name walks", "$name would be sent as it stands; the variable is {name} here"),
        ("${name} walks", "${name} is a shell's way"),
    ],
)
def test_braces_that_cannot_be_filled_in_are_refused(prompt, says):
    """They would be paid for as they stand; --raw sends them, for whoever means it."""
    line = prompt.replace("\n", " ")
    for typed in ((line, None), ("", prompt), (f"-- {line}", None), (f"--prompt '{line}'", None)):
        with pytest.raises(UsageProblem) as caught:
            read(*typed, names=NAMES)
        assert says in str(caught.value)
        assert "--raw" in str(caught.value) or says.startswith("$")
    assert read("--raw", prompt, NAMES).fields == {"prompt": prompt}
    assert read(f"--raw {line}", names=NAMES).fields == {"prompt": line}


@pytest.mark.parametrize(
    "value, shown",
    [
        ("text", "text"),
        (2.5, "2.5"),
        (Decimal("0.10"), "0.10"),
        (Path("a"), "a"),
        (np.int64(5), "5"),
        (np.float64(0.5), "0.5"),
        (np.str_("x"), "x"),
    ],
)
def test_texts_numbers_and_paths_go_into_a_prompt(value, shown):
    """What reads as itself is filled in as it reads."""
    assert read("a {thing}", names={"thing": value}).fields["prompt"] == f"a {shown}"


@pytest.mark.parametrize(
    "value", [object(), None, b"bytes", ["a"], {"a": 1}, print, float("nan"), np.nan]
)
@pytest.mark.parametrize("typed", ["a {thing} glows", "--negative-prompt 'no {thing}' a cat"])
def test_objects_never_go_into_a_prompt(typed, value):
    """What would go out, and be paid for, as a `repr` is refused, with the way to pass it."""
    with pytest.raises(UsageProblem, match=r"\{thing\} is .*--image \{thing\}"):
        read(typed, names={"thing": value}, endpoint=I2V)
    with pytest.raises(UsageProblem, match=r"\{thing\} is .*--raw"):
        read(typed, names={"thing": value}, endpoint=T2V)
    assert read(f"--raw {typed}", names={"thing": value}, endpoint=I2V).fields["prompt"]


def test_raw_takes_braces_as_they_are():
    """--raw switches variables off, in the prompt and in options."""
    found = read("--raw --negative-prompt {n} {n} cats", names=NAMES)
    assert found.fields == {"negative_prompt": "{n}", "prompt": "{n} cats"}


@pytest.mark.parametrize(
    "value", ["{photo}", "{album[i]}", "{album[i - 1] if i else album[1]}", "{pick('a b')}"]
)
@pytest.mark.parametrize("option", ["--image ", "--image=", "-i "])
def test_a_whole_expression_is_handed_over_as_an_object(option, value):
    """An option's value that is one expression is the object itself, not its text."""
    photo = object()
    names = {"photo": photo, "album": [photo, photo], "i": 1, "pick": {"a b": photo}.get}
    found = read(f"{option}{value} it moves", names=names, endpoint=I2V)
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
