"""The magics in a real IPython on a terminal: everything is text, and nothing is HTML."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

LINES = """\
%load_ext kling_jupyter
%kling connect --sandbox
clip = %kling text-to-video it's "almost" dark & <b>wet</b>
ship = %kling rerun {clip} --set duration=10
%kling gallery
%kling show {clip}
%kling compare {clip} {ship}
%kling costs
%kling tasks dark
%kling code {clip}
%kling models text-to-video
%kling doctor
clip.path.unlink()
%kling rescue
%kling wait all
%kling show 12345678
%kling
clip
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the terminal shows after each line of `LINES`, by the line."""
    folder = tmp_path_factory.mktemp("terminal")
    plain = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input=LINES,
        cwd=folder,
        env={**plain, "HOME": str(folder), "IPYTHONDIR": str(folder), "KLING_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stderr == ""
    plainly = re.sub(r"\x1b\[\d+m", "", done.stdout)
    shown = re.split(r"In \[\d+\]: ", plainly)[1:]
    return dict(zip(LINES.splitlines(), shown, strict=False))


def test_a_clip_is_one_line_with_its_file(told):
    """A generation ends in one line: the file, model, length, price, task."""
    said = told['clip = %kling text-to-video it\'s "almost" dark & <b>wet</b>']
    assert re.fullmatch(
        r"kling_outputs/\S+\.mp4 \(kling-v2-5-turbo, 5 s, 1\.5 units = \$0\.21 .*, task \d+\)\n\n?",
        said,
    )


@pytest.mark.parametrize(
    "line, words",
    [
        ("%kling gallery", r"^2 tasks, \$0\.63, free in the sandbox$"),
        (
            "%kling gallery",
            r"""^\d{8} +text-to-video +\$0\.21 +it's "almost" dark .* kling_outputs/""",
        ),
        ("%kling show {clip}", r"^  Kling's id +\d+$"),
        ("%kling compare {clip} {ship}", r"^duration +5 \(default\) +10$"),
        ("%kling costs", r"^total +2 +\$0\.63 +\$0\.63 "),
        ("%kling tasks dark", r"^\d{8} +succeeded .* saved +it's \"almost\" dark & <b>wet</b>$"),
        ("%kling code {clip}", r"text-to-video --model kling-v2-5-turbo"),
        ("%kling models text-to-video", r"^kling-v2-5-turbo \(default\) "),
        ("%kling doctor", r"^ok +front end +terminal, ipython "),
        ("%kling rescue", r"^1 fetched; 0 tasks at Kling that the ledger did not know$"),
        ("%kling wait all", r"^nothing runs, and everything that is finished was saved$"),
        ("%kling show 12345678", r"TaskNotFound: the ledger knows no task '12345678'$"),
        ("%kling", r"^Type next:$"),
        ("clip", r"<Job \d+ text-to-video succeeded "),
    ],
)
def test_every_command_speaks_in_text(told, line, words):
    """What each command has to say is there as a line of text."""
    assert re.search(words, told[line], re.MULTILINE), told[line]


def test_nothing_is_html_and_no_error_is_a_traceback(told):
    """No tags but those of the prompt, no data URI, no frames of ours."""
    shown = "".join(told.values()).replace("<b>wet</b>", "")
    assert not re.search(r"</?(p|div|table|figure|video|section)\b", shown)
    assert "data:image" not in shown
    assert "Traceback" not in shown
