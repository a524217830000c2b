"""A dry run says what the create would say, in every front end, under every setting.

Each front end is asked twice at one sandbox: by its dry run, and by the create itself. What they
say is compared as it came; the dry run has sent nothing and written nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.sandboxes import FAST
from helpers.shell import Shell
from mcp import Client

from kling_core import AsyncKling, Kling, Sandbox, errors
from kling_core.cli.main import main
from kling_mcp.server import build
from kling_mcp.settings import Settings, toolset_names

Told = tuple[str, str]
"""The kind of refusal, and its words; two empty texts for what is sent."""

GOOD: Told = ("", "")
CLIP = {"prompt": "a paper boat", "duration": "5"}
NINE = {"prompt": "a paper boat", "n": 9}
PATHS = '[paths]\ntext_to_video = "/v1/videos/text-to-video"\n'


class Python:
    """The client of either kind, which may be called from Python."""

    def __init__(self, kind: type[Kling | AsyncKling], folder: Path) -> None:
        self.kind, self.path = kind, ""
        self.folder = folder

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        try:
            asyncio.run(self._ask(endpoint, fields, dry=dry))
        except errors.KlingError as error:
            return type(error).__name__, str(error)
        return GOOD

    async def _ask(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> None:
        client = self.kind(pace=replace(FAST))
        try:
            calls = getattr(client, endpoint)
            if not dry:
                made = calls.create(**fields)
                await made if asyncio.iscoroutine(made) else None
                return
            shown = client.preview(calls.request(**fields))
            self.path = shown.path
            if shown.refusal is not None:
                raise shown.refusal
        finally:
            ended = client.close()
            await ended if ended is not None else None


class CommandLine:
    """`kling run`, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.path = capsys, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        line = ["run", endpoint.replace("_", "-"), "--dry-run" if dry else "--no-wait"]
        line += [word for name, value in fields.items() for word in (f"--{name}", str(value))]
        code = main(line)
        said = self.capsys.readouterr().err
        self.path = said.partition("POST ")[2].partition("\n")[0]
        _, _, wrong = said.partition("error: ")
        return (f"exit {code}", wrong) if code else GOOD


class Magic:
    """`%kling`, in a shell of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.path = capsys, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        words = [f"--{name} {value}" for name, value in fields.items() if name != "prompt"]
        line = " ".join([endpoint.replace("_", "-"), *["--dry-run"] * dry, *words])
        with Kling(pace=replace(FAST)) as kling, closing(Shell(kling)) as shell:
            error = shell.ip.run_cell(f"%kling {line} {fields['prompt']}").error_in_exec
        said = self.capsys.readouterr().out
        self.path = said.partition("POST http://")[2].partition("\n")[0].partition("/")[2]
        self.path = f"/{self.path}" if self.path else ""
        return (type(error).__name__, str(error)) if error is not None else GOOD


class Tool:
    """The tool of an agent: by its own dry run, or by the tool that quotes."""

    def __init__(self, *, quote: bool) -> None:
        self.quote, self.path = quote, ""

    def __call__(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        return asyncio.run(self._ask(endpoint, fields, dry=dry))

    async def _ask(self, endpoint: str, fields: dict[str, Any], *, dry: bool) -> Told:
        client = {"pace": replace(FAST)}
        settings = Settings(client=client, toolsets=toolset_names(), confirm_over=None)
        tool, arguments = f"kling_{endpoint}", {**fields, "wait_seconds": 0}
        if dry and self.quote:
            tool, arguments = "kling_quote", {"endpoint": endpoint, "arguments": fields}
        elif dry:
            arguments["dry_run"] = True
        async with Client(build(settings)) as agent:
            facts = (await agent.call_tool(tool, arguments)).structured_content or {}
        told = facts.get("message") or json.dumps(facts.get("violations"))
        return (facts["error"], told) if "error" in facts else GOOD


FACES = ("sync", "async", "command line", "magic", "tool", "tool that quotes")


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest, capsys: Any, tmp_path: Path) -> Any:
    """One front end, asked by a dry run or by a create."""
    return {
        "sync": lambda: Python(Kling, tmp_path),
        "async": lambda: Python(AsyncKling, tmp_path),
        "command line": lambda: CommandLine(capsys),
        "magic": lambda: Magic(capsys),
        "tool": lambda: Tool(quote=False),
        "tool that quotes": lambda: Tool(quote=True),
    }[request.param]()


@pytest.fixture
def place(
    quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Sets environment variables, and writes the config file, for the quick sandbox's account."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()

    def put(config: str = "", **environment: str) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(f"KLING_{name}", value)
        (home / "config.toml").write_text(config, encoding="utf-8")

    put(
        HOME=str(home),
        BASE_URL=quick_sandbox.url,
        ACCESS_KEY=quick_sandbox.access_key,
        SECRET_KEY=quick_sandbox.secret_key,
    )
    return put


LIMITS: dict[str, tuple[str, dict[str, Any], str, dict[str, str], str]] = {
    "nothing is set": ("text_to_video", CLIP, "", {}, ""),
    "a limit that holds it": ("text_to_video", CLIP, "", {"MAX_COST": "1", "BUDGET": "5"}, ""),
    "a call": ("text_to_video", CLIP, "", {"MAX_COST": "0.1"}, "above the limit of $0.1"),
    "a call, by the file": ("text_to_video", CLIP, 'max_cost = "0.1"\n', {}, "above the limit"),
    "a day": ("text_to_video", CLIP, "", {"BUDGET": "0.1"}, "of today's $0.10"),
    "a project": (
        "text_to_video", CLIP, "", {"PROJECT": "film", "PROJECT_BUDGET": "0.1"}, "'film'"
    ),
    "a number of tasks": ("text_to_video", CLIP, "", {"MAX_TASKS": "0"}, "max_tasks"),
    "slots": ("image_generation", NINE, "", {"SLOTS": "5"}, "n"),
    "a rule of the model": ("text_to_video", {**CLIP, "duration": "7"}, "", {}, "duration"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITS)
def test_it_says_what_the_create_says(
    case: str, face: Any, place: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """The same refusal in the same words, or none; and nothing is sent or written."""
    endpoint, fields, config, environment, says = LIMITS[case]
    place(config, **environment)
    before = len(quick_sandbox.tasks)
    dry = face(endpoint, fields, dry=True)
    assert len(quick_sandbox.tasks) == before
    with Kling() as kling:
        assert kling.tasks.recent() == []
    assert dry == face(endpoint, fields, dry=False)
    assert len(quick_sandbox.tasks) == before + (dry == GOOD)
    if says:
        assert dry != GOOD
        assert says in dry[1]
    else:
        assert dry == GOOD


def test_the_path_is_the_one_that_is_used(face: Any, place: Any, quick_sandbox: Sandbox) -> None:
    """A setting replaces it, in the file; the dry run prints what the create then asks for."""
    place(PATHS)
    face("text_to_video", CLIP, dry=True)
    if not isinstance(face, Tool):  # an agent is not told of paths
        assert face.path == "/v1/videos/text-to-video"
    kind, _ = face("text_to_video", CLIP, dry=False)
    assert kind  # which this sandbox does not serve
    with Kling() as kling:
        (row,) = kling.tasks.ledger.rows()
    assert row.route == "/v1/videos/text-to-video"


def test_without_a_key_it_says_so(
    place: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has no key yet may look all the same; limits per call and a day hold, no ledger is."""
    place(MAX_COST="1")
    for name in ("ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.delenv(f"KLING_{name}")
    assert main(["run", "text-to-video", "--dry-run", "a paper boat"]) == 0
    assert "there is no key yet" in capsys.readouterr().err
    for name in ("MAX_COST", "BUDGET"):
        monkeypatch.setenv(f"KLING_{name}", "0.1")
        assert main(["run", "text-to-video", "--dry-run", "a paper boat"]) == 1
        said = capsys.readouterr().err
        assert "of today's $0.10" in said if name == "BUDGET" else "limit of $0.1 per call" in said
        monkeypatch.delenv(f"KLING_{name}")
    assert not [*(tmp_path / "home").glob("**/*.db")]
