"""The commands that need no server, their messages and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import pytest

from kling_core.cli import exit_codes
from kling_core.cli.main import main
from kling_core.commands import doctor, key_check
from kling_core.commands.arguments import UsageProblem
from kling_core.commands.base import COMMANDS
from kling_core.declare import registry
from kling_core.errors import (
    BudgetExceeded,
    DownloadError,
    KlingWarning,
    SubmitOutcomeUnknown,
    TaskFailed,
    WaitTimeout,
)
from kling_core.wire import error_codes


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No setting of whoever runs the tests, and an empty folder."""
    for name in [name for name in os.environ if name.startswith("KLING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def kling(capsys):
    """Runs a command line here; gives exit code, stdout, stderr."""

    def run(*argv):
        code = main(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_help_and_help_of_each_command(kling):
    """Every command is in the overview, and has help of its own."""
    code, out, err = kling("--help")
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert f"  {command.name} " in out
        code, text, err = kling(command.name, "--help")
        assert (code, err) == (0, "")
        assert text.startswith(f"usage: kling {command.name}")
        assert kling("help", command.name) == (0, text, "")


@pytest.mark.parametrize("name", registry.names())
def test_help_of_each_endpoint(kling, name):
    """`kling run ENDPOINT --help` and `kling quote` show its options."""
    for command in ("run", "quote"):
        code, out, _ = kling(command, name.replace("_", "-"), "--help")
        assert code == 0
        assert "--callback-url" in out


def test_version(kling):
    """--version names the distribution."""
    code, out, _ = kling("--version")
    assert code == 0
    assert out.startswith("kling-suite ")


def test_help_imports_nothing_heavy():
    """`kling --help` leaves the HTTP library, pydantic, rich, numpy and the sandbox alone."""
    script = (
        "import sys\n"
        "from kling_core.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stderr.split())
    heavy = {"httpx", "pydantic", "rich", "numpy", "PIL", "av", "jwt", "starlette", "uvicorn"}
    assert "kling_core.cli.main" in loaded
    assert not heavy & loaded
    assert not {name for name in loaded if name.startswith(("kling_core.sandbox", "asyncio"))}


@pytest.mark.parametrize(
    "argv, message",
    [
        (["rnu"], "there is no command 'rnu'; did you mean run?"),
        (["frobnicate"], "The commands: run, tasks"),
        (["t2v"], "t2v is an endpoint, not a command. Try kling run t2v --help."),
        (["--frob"], "unknown option --frob"),
        (["run"], "kling run needs an endpoint: image-generation"),
        (["run", "t2x"], "there is no endpoint 't2x'; did you mean t2v?"),
        (["run", "--duration", "5", "t2v"], "--duration comes before the endpoint"),
        (["run", "t2v", "--timeout", "soon", "x"], "'soon' is not a number of seconds"),
        (["run", "t2v", "--max-cost", "much", "x"], "'much' is not an amount in US dollars"),
        (["get", "t2v"], "takes one task id; you gave 0"),
        (["get", "t2v", "1", "2"], "takes one task id; you gave 2"),
        (["list", "t2v", "--page", "one"], "'one' is not a whole number"),
        (["--sandbox", "list", "t2v"], "finds nothing in an embedded sandbox"),
        (["get", "t2v", "1", "--sandbox"], "finds nothing in an embedded sandbox"),
        (["explain"], "takes one code, such as 1303"),
        (["explain", "busy"], "takes one code, such as 1303"),
        (["models", "t2v", "i2v"], "takes one endpoint; you gave 2"),
        (["sandbox", "--port", "99999"], "99999 is not a port"),
        (["sandbox", "--speed", "0"], "'0' is not a factor above 0"),
        (["sandbox", "--retired", "maybe"], "--retired 'maybe' is not to be had. Use "),
        (["tasks", "--state", "succeded"], "; did you mean succeeded? Use prepared, "),
        (["account", "extra"], "takes no other words"),
    ],
)
def test_usage_problems(kling, argv, message):
    """What cannot be understood is one line that says what to type, and exit code 2."""
    code, out, err = kling(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


def test_all_violations_at_once_in_options(kling):
    """A bad request names every problem by its option, and what to type instead."""
    code, out, err = kling(
        *["run", "t2v", "a boat", "--duration", "7", "--cfg-scale", "2", "--mode", "prro"]
    )
    assert (code, out) == (1, "")
    assert "3 problems in text-to-video, nothing was sent" in err
    assert "--mode: 'prro' is not available. Use pro." in err
    assert "--cfg-scale: 2 is out of range. Use 0 to 1." in err
    assert "you asked for 7. Use --duration 5 or --duration 10." in err


def test_a_missing_prompt_is_said_plainly(kling):
    """The commonest slip gets the plainest answer."""
    code, _, err = kling("run", "t2v")
    assert code == 1
    assert "prompt is missing: write it after the endpoint, in quotes" in err


def test_a_missing_file_is_named(kling):
    """A path that is not there is a violation, before anything is sent."""
    code, _, err = kling("run", "i2v", "-i", "nope.jpg", "it moves")
    assert code == 1
    assert "--image: no such file: nope.jpg" in err


def test_no_credential(kling):
    """A missing key is said with the ways to give one, and the way without."""
    code, _, err = kling("run", "t2v", "a boat")
    assert code == 1
    assert "there is no Kling credential" in err
    assert "KLING_ACCESS_KEY with KLING_SECRET_KEY" in err
    assert "--sandbox" in err
    assert "Kling(" not in err


def test_half_a_pair(kling, monkeypatch):
    """Half a key pair says which half is missing."""
    monkeypatch.setenv("KLING_ACCESS_KEY", "abc")
    code, _, err = kling("account")
    assert code == 1
    assert "KLING_SECRET_KEY is missing" in err


def test_dry_run_shows_the_body_and_the_cost(kling):
    """A dry run prints the wire body on stdout, cost and verdict on stderr, and needs no key."""
    code, out, err = kling("run", "t2v", "a boat", "--dry-run", "-d", "10")
    assert code == 0
    assert json.loads(out) == {
        "prompt": "a boat",
        "model_name": "kling-v2-5-turbo",
        "duration": "10",
    }
    assert "POST /v1/videos/text2video" in err
    assert "cost: 3 units ($0.42)" in err
    assert "nothing was sent" in err


def test_dry_run_previews_media(kling, tmp_path):
    """A picture is shown as a short text, never as its base64."""
    from PIL import Image

    Image.new("RGB", (640, 360), "teal").save(tmp_path / "photo.jpg")
    code, out, _ = kling("run", "i2v", "--dry-run", "-i", "photo.jpg", "it moves")
    assert code == 0
    shown = json.loads(out)["image"]
    assert "photo.jpg" in shown
    assert len(shown) < 120


def test_dry_run_as_json(kling):
    """--json gives body, path, quote and warnings as one object."""
    code, out, err = kling("run", "t2v", "a", "--dry-run", "--json", "--model", "kling-v9")
    assert code == 0
    shown = json.loads(out)
    assert shown["endpoint"] == "text_to_video"
    assert shown["body"]["model_name"] == "kling-v9"
    assert shown["quote"] is None
    assert any("kling-v9" in text for text in shown["warnings"])
    assert "warning: " in err


@pytest.mark.parametrize("limit, code", [("0.41", 1), ("0.42", 0), ("$1", 0)])
def test_dry_run_judges_max_cost(kling, limit, code):
    """A dry run is refused by --max-cost as the real run would be."""
    argv = ["run", "t2v", "a", "--dry-run", "-d", "10", "--max-cost", limit]
    assert kling(*argv)[0] == code


def test_quote(kling):
    """The price with its date, as text and as JSON; unknown is said."""
    code, out, _ = kling("quote", "image", "a cat", "--n", "3")
    assert (code, out.strip()) == (0, "24 units ($0.084), image price list of 2026-09-20")
    _, out, _ = kling("quote", "t2v", "a", "--json")
    assert json.loads(out)["usd"] == "0.21"
    _, out, err = kling("quote", "t2v", "a", "--model", "kling-v9")
    assert out == "unknown\n"
    assert "no price is published" in err


@pytest.mark.parametrize("code", error_codes.TABLE)
def test_explain_knows_every_code(kling, code):
    """Each code of the table is explained with its cause and its fix."""
    done, out, _ = kling("explain", str(code))
    assert done == 0
    assert error_codes.TABLE[code].cause in out
    assert error_codes.TABLE[code].fix in out


def test_explain_offers_near_codes(kling):
    """An unknown code is exit code 1 and names its neighbours."""
    code, out, err = kling("explain", "1305")
    assert (code, out) == (1, "")
    assert "1303" in err
    assert "5002" in kling("explain", "9999")[2]


def test_models_overview(kling):
    """Live models, the default marked, the retired left out until --all."""
    code, out, _ = kling("models")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert any("kling-v2-5-turbo" in words and "default" in words for words in lines)
    assert not any("kling-v2-master" in words for words in lines)
    assert "kling-v2-master" in kling("models", "--all")[1]


@pytest.mark.parametrize("name", registry.names())
def test_models_of_each_endpoint(kling, name):
    """Each endpoint has a table, and JSON that names its models."""
    from kling_core.catalog import tables

    code, out, _ = kling("models", name)
    assert code == 0
    assert len(out.splitlines()) > 1
    shown = json.loads(kling("models", name, "--json")[1])[name]
    assert [m["model_name"] for m in shown["models"]] == [m.name for m in tables.models(name)]


def test_models_of_an_endpoint(kling):
    """Modes, sizes and seconds; scenes for effects; voices for lip-sync."""
    out = kling("models", "t2v")[1]
    assert "3-15" in out
    assert "5, 10" in out
    assert "kling-v2-5-turbo (default)" in out
    scenes = kling("models", "effects")[1]
    assert "bullet_time_360" in scenes
    assert "girlfriend_4_speech02" in kling("models", "lip-sync")[1]
    assert "warning: video-extension is retired" in kling("models", "extend")[2]


def test_warnings_are_single_lines(kling, monkeypatch):
    """A `KlingWarning` is one line, once, without Python's source noise; others are kept back."""
    from kling_core.cli import explaining

    def run(argv, *, sandbox):
        warnings.warn("retired model", KlingWarning, stacklevel=1)
        warnings.warn("retired model", KlingWarning, stacklevel=1)
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.warn("of another package", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(explaining, "run", run)
    assert kling("explain") == (0, "", "warning: retired model\n")


def test_debug_shows_the_traceback(kling, monkeypatch):
    """KLING_DEBUG=1 gives the traceback before the line."""
    monkeypatch.setenv("KLING_DEBUG", "1")
    code, _, err = kling("explain")
    assert code == 2
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: kling explain takes one code")


def test_a_bug_of_ours_is_one_line(kling, monkeypatch):
    """An unforeseen error is a line that says how to see more, and exit code 1."""
    from kling_core.cli import explaining

    def run(argv, *, sandbox):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(explaining, "run", run)
    code, _, err = kling("explain", "1")
    assert code == 1
    assert err == "error: ZeroDivisionError: by zero  (KLING_DEBUG=1 shows where)\n"


@pytest.mark.parametrize(
    "error, code",
    [
        (UsageProblem("x"), 2),
        (registry.UnknownEndpoint("x"), 2),
        (BudgetExceeded("x"), 1),
        (SubmitOutcomeUnknown("x", endpoint="text_to_video", external_task_id="e"), 3),
        (WaitTimeout("x"), 3),
        (DownloadError("x"), 3),
        (TaskFailed("x"), 4),
        (ValueError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exit_codes(error, code):
    """1 nothing was made, 2 usage, 3 look before you repeat, 4 the task failed."""
    assert exit_codes.exit_code(error) == code


@pytest.mark.parametrize(
    "seconds, words",
    [(45, "45 seconds"), (60, "1 minute"), (600, "10 minutes"), (7200, "2 hours")],
)
def test_time_differences(seconds, words):
    """Clock differences are said in the unit that fits."""
    assert doctor._span(seconds) == words


@pytest.mark.parametrize(
    "url, trusted",
    [
        ("https://api-singapore.klingai.com", True),
        ("http://127.0.0.1:8000", True),
        ("http://api.klingai.com", False),
        ("https://proxy.example", False),
        ("https://evilklingai.com", False),
    ],
)
def test_who_may_see_a_swapped_secret(url, trusted):
    """Only Kling over TLS and this computer: a swapped token carries the secret in the open."""
    assert key_check._trusted(url) is trusted
