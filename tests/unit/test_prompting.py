"""What a prompt swallows: texts that nobody meant are refused or told of, before they are paid."""

from __future__ import annotations

from pathlib import Path

import pytest

from kling_core.commands.arguments import UsageProblem, build, consumes, fields, parse
from kling_core.declare import registry
from kling_core.errors import InvalidRequest

T2V = registry.get("text-to-video")
SHOTS = {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize"}


def judged(**given):
    """The verdict on a request, and whether it names a field at all."""
    return T2V.request(**given).check()


# --- the core, for every front end ---------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["-", "--", "...", "…", "?!", "1984", "4:3", "🚢", "👩‍👩‍👧", "½ ①", "___", "<>", "``", "–"],
)
def test_a_text_without_a_letter(text):
    """Dashes, digits, signs and emoji say nothing that a picture could be made of."""
    (wrong,) = judged(prompt=text).violations
    assert wrong.field == "prompt"
    assert "no letter" in wrong.message


@pytest.mark.parametrize(
    "text",
    ["雨", "лодка", "เรือ", "سفينة", "सागर", "ボート", "배", "é", "α 1", "🚢 a", "<<<image_1>>>"],
)
def test_a_letter_of_any_script_is_a_text(text):
    """One letter is enough, in whatever script it is."""
    verdict = judged(prompt=text)
    assert verdict.ok, verdict.violations
    assert not verdict.warnings


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "None",
        "null",
        "undefined",
        "<NA>",
        "NaT",
        "N/A",
        "#REF!",
        "[object Object]",
        "'None'",
        '"null"',
        " None\n",
        "“nan”",
    ],
)
def test_what_programs_print_for_nothing(text):
    """An empty cell, a missing key, a value that was never set; with quotes or without."""
    (wrong,) = judged(prompt=text).violations
    assert "not there" in wrong.message
    assert "no prompt" in wrong.valid


@pytest.mark.parametrize(
    "text",
    [
        "{prompt}",
        "{{ prompt }}",
        "${PROMPT}",
        "$PROMPT",
        "$(prompt)",
        "%PROMPT%",
        "%(prompt)s",
        "<prompt>",
        "<your prompt here>",
        "[PROMPT]",
        "{prompts[i]}",
        '{row["prompt"]}',
        "{x:.1f}",
        '"{prompt}"',
        "'$PROMPT'",
        "<%= prompt %>",
        "%s",
        "!PROMPT!",
    ],
)
def test_a_place_that_was_never_filled_in(text):
    """Of any template language, alone: there is nothing else in the text."""
    (wrong,) = judged(prompt=text).violations
    assert "not filled in" in wrong.message


@pytest.mark.parametrize(
    "text, place",
    [
        ("{nmae} walks a dog", "{nmae}"),
        ("shot{i + 1} of 3", "{i + 1}"),
        ("a {{animal}} in rain", "{{animal}}"),
        ("$NAME waves", "$NAME"),
        ("a ${thing}", "${thing}"),
        ("%NAME% waves", "%NAME%"),
        ("a %(thing)s waves", "%(thing)s"),
        ("a boat by <ARTIST>", "<ARTIST>"),
    ],
)
def test_a_place_amid_words_is_told_of(text, place):
    """It may be meant, so it passes, and it is said before anything is sent."""
    verdict = judged(prompt=text)
    assert verdict.ok
    (warning,) = verdict.warnings
    assert place in warning
    assert "not filled in" in warning


@pytest.mark.parametrize(
    "text",
    [
        '{"subject": "a boat", "camera": "pan"}',
        "it costs $5, 100% sure",
        "A$AP Rocky at sea",
        "a <b>wet</b> boat",
        "Dr. No",
        "a boat — in rain",
        "@hero walks",
        "[A boat at sea]",
        "mind the gap: 5 < 6 > 4",
        "9=3*3 on a blackboard",
        "none of them",
        "a null and void day",
    ],
)
def test_what_is_meant_is_left_alone(text):
    """Prices, dashes between words, brackets, JSON as some write their prompts."""
    verdict = judged(prompt=text)
    assert verdict.ok, verdict.violations
    assert not verdict.warnings


@pytest.mark.parametrize(
    "text",
    [
        "prompt.txt",
        "@prompt.txt",
        "'prompt.txt'",
        "shots/one.md",
        "/home/ann/my boat.txt",
        "~/a.png",
        r"C:\Users\ann\my boat.jpg",
        "notes of ann.boat",
    ],
)
def test_the_name_of_a_file(text, tmp_path, monkeypatch):
    """By its looks, or because it lies here: nobody wants a clip of a file's name."""
    monkeypatch.chdir(tmp_path)
    Path("notes of ann.boat").write_text("a boat")
    (wrong,) = judged(prompt=text).violations
    assert "name of a file" in wrong.message


@pytest.mark.parametrize("text", ["https://x.org/a.png", "http://x.org", "s3://b/a.mp4"])
def test_an_address(text):
    """An address alone is the picture that was meant, in the wrong place."""
    (wrong,) = judged(prompt=text).violations
    assert "address" in wrong.message


@pytest.mark.parametrize(
    "text, typed",
    [
        ("a boat --ar 9:16 --seed 4", "--ar, --seed"),
        ('"a boat" --duration 10 --out clips/', "--duration, --out"),
        ("a boat —duration 10", "—duration"),
        ("duration=10 a boat", "duration="),
        ("prompt='a boat'", "prompt="),
        ("a boat negative_prompt=rain", "negative_prompt="),
    ],
)
def test_settings_amid_words(text, typed):
    """Kling would read them as words: they pass, since they can be meant, and are told of."""
    verdict = judged(prompt=text)
    assert verdict.ok
    (warning,) = verdict.warnings
    assert warning.startswith(f"prompt: {typed} is read as words")


@pytest.mark.parametrize("text", ["a boat \ud83d", "caf\udce9", "\ude00"])
def test_half_a_character(text):
    """What a cut emoji or an unknown encoding leaves has no form on the wire."""
    (wrong,) = judged(prompt=text).violations
    assert "half a character" in wrong.message


def test_every_text_is_judged():
    """Also what is kept out, what is spoken, and the shots of a clip."""
    assert judged(prompt="a boat", negative_prompt="None", model_name="kling-v1-6").violations
    shots = [{"duration": 5, "prompt": "a boat"}, {"duration": 5, "prompt": "{shot}"}]
    (wrong,) = judged(multi_prompt=shots, duration=10, **SHOTS).violations
    assert wrong.field == "multi_prompt.1.prompt"
    speech = registry.get("lip-sync").request
    facts = {"video_id": "1", "voice_id": "girlfriend_1_speech02"}
    assert speech(text="3 2 1", **facts).check().ok
    assert not speech(text="...", **facts).check().ok


def test_nothing_is_sent(tmp_path):
    """`create` refuses what `check` refuses."""
    from kling_core import Kling

    kling = Kling(api_key="x" * 20, home=tmp_path)
    with pytest.raises(InvalidRequest, match="not filled in"):
        kling.text_to_video.create(prompt="{prompt}")


# --- the words of a command line -----------------------------------------------------------


def typed(*argv):
    return fields(T2V, parse(build(T2V, prog="kling run text-to-video"), argv))


@pytest.mark.parametrize("dash", ["\u2014", "\u2013", "\u2212", "\u2015", "\u2010", "\u2014-"])
@pytest.mark.parametrize("option", ["duration", "aspect_ratio", "duraton", "mode=pro"])
def test_a_long_dash_is_no_option_and_no_word(dash, option):
    """What a word processor has made of two hyphens is refused, with what to type."""
    parser = build(T2V, prog="kling")
    with pytest.raises(UsageProblem, match="two hyphens"):
        parse(parser, ["a boat", f"{dash}{option}", "10"])
    assert consumes(parser, f"{dash}red", "sails") == 0  # a dash before a word of the prompt
    assert consumes(parser, dash, "sails") == 0


@pytest.mark.parametrize(
    "argv, words",
    [
        (["duration=10", "a", "boat"], "--duration"),
        (["prompt=a boat"], "Leave it out"),
        (["a boat", "aspect_ratio=9:16"], "--aspect-ratio"),
        (["a boat --duration 10"], "outside of the quotes"),
        (["a boat --ar 9:16"], "outside of the quotes"),
        (["a boat \u2014mode pro"], "outside of the quotes"),
        (["a boat", "clips"], "'a boat' and 'clips'"),
        (["a", "boat", "--mode", "pro", "in", "rain"], "'a boat' and 'in rain'"),
        (["\u201ca", "boat\u201d"], "no quote"),
        (["'a", "boat'"], "no quote"),
    ],
)
def test_slips_in_the_words(argv, words):
    """What a shell or a text has made of options and quotes; `--` means every word."""
    with pytest.raises(UsageProblem, match=words):
        typed(*argv)
    bare = [word for word in argv if word not in ("--mode", "pro")]
    assert typed("--", *bare) == {"prompt": " ".join(bare)}


def test_words_behind_two_hyphens_are_meant():
    """Those before them are judged, those behind them are not; and no piece is lost."""
    assert typed("a", "boat", "--", "--dry-run") == {"prompt": "a boat --dry-run"}
    with pytest.raises(UsageProblem, match="duration="):
        typed("duration=10", "--", "--dry-run")
    with pytest.raises(UsageProblem, match="'a boat' and '--dry-run'"):
        typed("a boat", "--", "--dry-run")


def test_names_that_a_shell_has_put_there(tmp_path, monkeypatch):
    """A glob, a file in the place of its text, a path that was cut at its blank."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "boat", "rain", "prompt.txt"):
        Path(name).write_text("x")
    Path("my clips").mkdir()
    with pytest.raises(UsageProblem, match=r"b\.png"):
        typed("push in", "b.png")
    with pytest.raises(UsageProblem, match="boat, rain"):
        typed("boat", "rain")
    with pytest.raises(UsageProblem, match=r"@prompt\.txt"):
        typed("prompt.txt")
    with pytest.raises(UsageProblem, match='"my clips"'):
        typed("--callback-url", "my", "clips", "a", "boat")
    assert typed("a", "boat") == {"prompt": "a boat"}
    assert typed("a boat.png thing") == {"prompt": "a boat.png thing"}
    assert typed("--", "prompt.txt") == {"prompt": "prompt.txt"}
