"""What a prompt would swallow and have paid for is refused, with the way to mean it."""

from __future__ import annotations

import re

import pytest

from kling_core.commands.arguments import UsageProblem
from kling_core.declare import registry
from kling_jupyter.parsing import grammar, quoting

T2V = registry.get("text_to_video")
I2V = registry.get("image_to_video")


def read(text, cell=None, names=None, endpoint=T2V):
    return grammar.generation(endpoint, text, cell, names or {})


def refused(text, cell=None, endpoint=T2V, names=None) -> str:
    with pytest.raises(UsageProblem) as caught:
        read(text, cell, names, endpoint)
    return str(caught.value)


# --- options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt, shown",
    [
        ('"a boat at dusk" --duration 10 --out clips/', "--duration 10 stands in the prompt"),
        ("a boat --duration 10", "--duration 10 stands in the prompt"),
        ("a cat -d 10", "-d 10 stands in the prompt"),
        ("a cat -d10 --mode=pro", "-d10 stands in the prompt"),
        ("a cat --mode=pro", "--mode=pro stands in the prompt"),
        ("a cat --aspect_ratio 1:1 --no-wait", "--aspect_ratio 1:1 stands"),
        ("a cat --duration", "--duration stands in the prompt"),
        ("a cat --dry-run", "--dry-run stands in the prompt"),
        ("a boat --ar 9:16 --seed 4", "--ar 9:16 stands in the prompt"),
        ("a boat --niji", "--niji stands in the prompt"),
        ("a boat -s 750", "-s 750 stands in the prompt"),
        ("a cat --whiskers at", "--whiskers stands in the prompt"),
        ("\u2014dry-run a boat", "\u2014dry-run stands at the beginning of the prompt"),
        ("a boat \u2013duration 10", "\u2013duration 10 stands in the prompt"),
        ("\u2013d 10 a boat", "\u2013d 10 stands at the beginning"),
        ("\u2212d 10 a boat", "\u2212d 10 stands at the beginning"),
        ("\u2014durration 10 a boat", "It is written --duration."),
        ("\u2014out=clips a boat", "It is written --out."),
        ("a boat \u2014ar 9:16", "\u2014ar 9:16 stands in the prompt"),
        ("duration=10 a boat", "duration=10 stands at the beginning of the prompt"),
        ("prompt='a boat'", "prompt='a stands at the beginning"),
        ('prompt="a boat", duration=10', "stands at the beginning"),
        ("num_frames=16 a boat", "num_frames=16 stands at the beginning"),
        ("a boat duration=10", "duration=10 stands in the prompt"),
        ("a boat, Aspect_Ratio=1:1", "Aspect_Ratio=1:1 stands in the prompt"),
    ],
)
def test_what_reads_as_an_option_is_refused(prompt, shown):
    """On the line, in a cell and in an option alike; `--` and `--raw` send it as it stands."""
    line = refused(prompt)
    assert shown in line
    assert "paid for" in line
    assert "-- before the prompt sends it as it stands" in line
    assert "--raw" in refused("", f"{prompt}\n")
    if "'" not in prompt:
        assert "--raw" in refused(f"--prompt '{prompt}'")
    for typed in ((f"-- {prompt}",), (f"--raw -- {prompt}",), ("--", prompt), ("--raw", prompt)):
        assert read(*typed).fields == {"prompt": prompt}


@pytest.mark.parametrize(
    "prompt",
    [
        "a road -- and then --- nothing - or so",
        "-5 degrees, snow; -5.5 at night",
        "\u2014 Hello, she says",
        "a man \u2014tired\u2014 walks home",
        "he stops \u2014no, not here\u2014 and \u2014at 5\u2014 goes on",
        "- a list\n- of things",
        "E=mc2 on a blackboard, x == y, a=b",
        "https://example.org/?duration=10 on a screen",
        "rock--and-roll, a well-known b-side",
        "Duration: short. Camera: pans left",
        "#sunset #boat, take # 3",
        "a sign that says C# and F#",
        "a boat@sea.example, @boat sails, <<<image_1>>>",
        "a 5\" screen and a 7' man",
        "'tis the season",
        '"Come in," she says, "and sit"',
        "a.png",
    ],
)
def test_prose_stays_prose(prompt):
    """Dashes, numbers, marks and quotes of ordinary writing are sent as they stand."""
    assert read("", f"{prompt}\n").fields == {"prompt": prompt}
    if "\n" not in prompt:
        assert read(f"-d 5 {prompt}").fields == {"duration": "5", "prompt": prompt}
        assert not read(prompt).notes


def test_an_expression_may_hold_what_reads_as_an_option():
    """What stands in braces is code, with its own blanks, signs and names."""
    names = {"make": lambda **given: f"a {given['duration']} boat", "d": {"a --b # c": "a boat"}}
    assert read("{make(duration=10)} sails", names=names).fields["prompt"] == "a 10 boat sails"
    assert read("{d['a --b # c']} sails", names=names).fields["prompt"] == "a boat sails"


@pytest.mark.parametrize("option", ["--negative-prompt {x} a boat", "--negative-prompt={x} a boat"])
def test_what_a_variable_holds_is_never_an_option(option):
    """Nor a comment, an expression or a quote: it is sent as it is."""
    for held in ("--raw", "--dry-run", "-d 5", "a {b}", '"', "# x", "@file"):
        found = read(option, names={"x": held})
        assert found.fields == {"negative_prompt": held, "prompt": "a boat"}
        assert read("{x}", names={"x": held}).fields == {"prompt": held}


# --- comments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    ["a lighthouse in fog   # a job; many", "a boat  #later", "a boat # a job", "a boat\t# 2",
     "a boat  #", "a boat #", "# later"],
)  # fmt: skip
def test_a_comment_behind_a_prompt_is_refused(prompt):
    """With the two ways out; a cell may hold it, for there it may be a heading."""
    said = refused(prompt)
    assert "holds a comment" in said
    assert "Leave it out, or write the prompt in a cell: %%kling text-to-video" in said
    assert read("", f"{prompt}\n").fields == {"prompt": prompt}
    assert read(f"-- {prompt}").fields == {"prompt": prompt}


def test_a_comment_where_no_prompt_can_be_is_dropped():
    """In the first line of a cell, and behind an endpoint whose words are no prose."""
    assert read("-d 5  # short", "a boat\n").fields == {"duration": "5", "prompt": "a boat"}
    effects = registry.get("effects")
    assert read("bullet_time_360 --image a.jpg  # hm", endpoint=effects).fields == {
        "effect_scene": "bullet_time_360",
        "image": "a.jpg",
    }
    assert "holds a comment" in refused("a boat  # x", "\n")


def test_a_comment_behind_a_field_below_a_cell_is_refused():
    """It would be paid for as part of the field; in quotes it is meant."""
    assert "holds a comment" in refused("", "a boat\n---\nnegative-prompt: blurry  # hm\n")
    found = read("", 'a boat\n---\nnegative-prompt: "blurry  # hm"\n')
    assert found.fields == {"negative_prompt": "blurry  # hm", "prompt": "a boat"}


# --- quotes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt, sent",
    [
        ('"a boat at dusk"', "a boat at dusk"),
        ("'a cat's toy'", "a cat's toy"),
        ("“a boat”", "a boat"),
        ("«a boat» ", "a boat"),
        ('"""a boat"""', "a boat"),
        ('f"a {n} boat"', "a 3 boat"),
    ],
)
def test_quotes_around_the_whole_prompt_are_noticed(prompt, sent):
    """They are a shell's or Python's, are not sent, and the reader is told."""
    for typed in ((prompt,), ("", f"{prompt}\n")):
        found = read(*typed, names={"n": 3})
        assert found.fields == {"prompt": sent}
        (note,) = found.notes
        assert "quotes around the prompt are not sent" in note
    assert read(f"--raw {prompt}").fields == {"prompt": prompt}
    if "{" not in prompt:
        assert read(f"-- {prompt}").fields == {"prompt": prompt}


@pytest.mark.parametrize("prompt", ['"a boat at dusk', "“a boat", '--out x "a boat'])
def test_a_quote_that_opens_the_prompt_and_never_closes_is_refused(prompt):
    """Half a pair is a slip."""
    assert "is never closed" in refused(prompt)


@pytest.mark.parametrize(
    "typed, says",
    [
        ('--out "my clips a boat', "the quote before 'my' is never closed"),
        ("--negative-prompt 'tis a boat", "the quote before 'tis' is never closed"),
        ('--out="my clips a boat', "is never closed"),
        ('--out "my clips"/sub a boat', "goes on behind its closing quote"),
        ("--out “my clips” a boat", "“ is a typographic quote"),
    ],
)
def test_a_value_whose_quotes_are_wrong_is_refused(typed, says):
    """What follows would else be paid for as the prompt."""
    assert says in refused(typed)


@pytest.mark.parametrize(
    "typed, value",
    [
        (r'"\\server\share\my photo.jpg"', r"\\server\share\my photo.jpg"),
        (r"\\server\share\photo.jpg", r"\\server\share\photo.jpg"),
        ('"D:\\My Clips\\"', "D:\\My Clips\\"),
        ("'D:\\My Clips\\'", "D:\\My Clips\\"),
        (r'"C:\a b\c.png"', r"C:\a b\c.png"),
        (r'"a \"b\" c"', 'a "b" c'),
        (r'"a \n \\ b"', r"a \n \\ b"),
        (r'"ends in \\"', "ends in \\"),
        (r"'it\'s'", "it's"),
        ('""', ""),
    ],
)
def test_backslashes_in_quotes_are_those_of_paths(typed, value):
    """A backslash is a backslash, unless it stands before a quote that does not end a path."""
    for line in (f"--image-tail {typed} push in", f"--image-tail={typed} push in"):
        found = read(f"--image a.jpg {line}", endpoint=I2V)
        assert found.fields == {"image": "a.jpg", "image_tail": value, "prompt": "push in"}
    assert quoting.word_at(quoting.quoted(value) or "", 0).text == value


# --- files ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompt.txt").write_text("\ufeffa {paper} boat --ar 9:16\n", encoding="utf-8")
    (tmp_path / "my shot.txt").write_text("zwei Boote\n", encoding="utf-16")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "noise.txt").write_bytes(b"\xff\xd8\x00")
    (tmp_path / "wide.txt").write_text("a boat\n", encoding="utf-32")
    (tmp_path / "unmarked.txt").write_text("a boat\n", encoding="utf-16-le")
    (tmp_path / "my clips").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "prompt, text",
    [
        ("@prompt.txt", "a {paper} boat --ar 9:16"),
        ('@"my shot.txt"', "zwei Boote"),
        ('"@my shot.txt"', "zwei Boote"),
        ("@wide.txt", "a boat"),
    ],
)
def test_a_file_is_read_and_the_reader_is_told(folder, prompt, text):
    """Its text is data: neither expressions nor options are looked for in it."""
    for typed in ((prompt,), ("", f"{prompt}\n"), ("--prompt @prompt.txt",)):
        found = read(*typed)
        assert found.fields["prompt"] in (text, "a {paper} boat --ar 9:16")
        assert found.notes[0].startswith("the prompt is the text of ")
    assert read(f"--raw {prompt}").fields == {"prompt": prompt}


@pytest.mark.parametrize(
    "prompt, says",
    [
        ("@nowhere.txt", "the text of nowhere.txt, which cannot be read"),
        ("@~nobodyhere/x.txt", "which cannot be read"),
        ("@empty.txt", "which is empty"),
        ("@noise.txt", "which is no text"),
        ("@unmarked.txt", "which is no text"),
        ("@.", "which cannot be read"),
        ("-", "the prompt - is the standard input, which a notebook has not"),
    ],
)
def test_a_file_that_gives_no_prompt_is_refused(folder, prompt, says):
    """Neither its name nor a dash is paid for."""
    for typed in ((prompt,), ("", f"{prompt}\n"), (f"--prompt={prompt}",)):
        assert says in refused(*typed)


@pytest.mark.parametrize(
    "typed, says",
    [
        ("--out my clips a boat", "--out got 'my', and there is 'my clips'"),
        ("--out=my clips a boat", "--out got 'my', and there is 'my clips'"),
        ("--out new clips/ a boat", "'clips/' begins the prompt and reads as a file"),
        ("-i a.png b.png c.png push in", "'b.png' begins the prompt and reads as a file"),
        ("--image my photo.JPG push in", "'photo.JPG' begins the prompt and reads as a file"),
    ],
)
def test_the_rest_of_a_path_is_no_prompt(folder, typed, says):
    """A folder with a blank and no quotes, and what a shell makes of *.png."""
    said = refused(typed, endpoint=I2V)
    assert says in said
    assert "quotes" in said


def test_quotes_make_it_one_path(folder):
    """As the refusal says."""
    found = read('--out "my clips" a boat')
    assert (found.settings.out, found.fields) == ("my clips", {"prompt": "a boat"})
    assert read("--out clips -- b.png on a wall").fields == {"prompt": "b.png on a wall"}


# --- changes of a recorded request -----------------------------------------------------------


def change(field, value, names=None):
    return grammar.change(T2V, field, value, names or {})


def test_a_changed_field_is_read_as_on_the_line(folder):
    """`rerun --set` fills in, reads files, and refuses the same."""
    clip = object()
    assert change("prompt", "a {n} boat", {"n": 2}) == ("a 2 boat", [])
    told = "{n + 1} is '3'; the rest of the prompt is left as it is"
    assert change("prompt", "a {n + 1} boat", {"n": 2}) == ("a 3 boat", [told])
    assert change("image", "{clips[-1]}", {"clips": [clip]}) == (clip, [])
    assert change("prompt", "@prompt.txt")[0] == "a {paper} boat --ar 9:16"
    control = '{"type": "simple", "config": {"zoom": 5}}'
    assert change("camera_control", control) == (control, [])
    for field, value in (
        ("prompt", "a {nmae} boat"),
        ("negative_prompt", "no {nmae}"),
        ("prompt", "a boat --ar 9:16"),
        ("prompt", "\u2014duration 10"),
        ("prompt", "-"),
    ):
        with pytest.raises(UsageProblem):
            change(field, value)


def test_json_keeps_its_braces_and_its_texts_are_filled_in():
    """The braces of a structured field are its own; expressions are looked for in its texts."""
    shots = '[{"prompt": "a {what}", "duration": 5}]'
    found = read(f"--multi-prompt {shots} a boat", names={"what": "barge"})
    assert found.fields["multi_prompt"] == [{"prompt": "a barge", "duration": 5}]
    assert re.search("no variable 'what'", refused(f"--multi-prompt {shots} a boat"))
