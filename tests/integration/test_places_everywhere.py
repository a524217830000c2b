"""Where files go, from the command line, a notebook and an agent: tried before it is paid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import in_loop, server
from helpers.media import decode
from helpers.sandboxes import FAST, PLENTY, one_frame_a_second
from helpers.shell import Shell
from mcp import Client

from kling_core import Kling, Sandbox, client
from kling_core.cli.main import main
from kling_core.errors import KlingError
from kling_core.sandbox import Fault

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

FOLDERS = ["clips/2026.11.27", "v1.5", "a?b%20c#d", "50 %", "x" * 255]
REFUSED = ["x" * 252 + ".mp4", "x" * 256, "taken/clip.mp4", "s3://bucket/clips", "~nobody-of-this/"]


@pytest.fixture
def sandbox(start_sandbox: Any) -> Sandbox:
    return one_frame_a_second(start_sandbox(**PLENTY))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_bytes(b"")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command line of somebody with a key."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", sandbox.secret_key)
    monkeypatch.setattr(client, "Pace", lambda: client.SANDBOX_PACE)
    return lambda *words: main(list(words))


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shell]:
    """A notebook."""
    with Kling(sandbox=sandbox, pace=FAST, output_dir=tmp_path / "clips") as kling:
        made = Shell(kling)
        yield made
        made.close()


def clips(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.mp4"))


@pytest.mark.parametrize("name", FOLDERS, ids=ascii)
def test_a_folder_for_the_command_line(name: str, command: Any, tmp_path: Path) -> None:
    """`--out` of any name is a folder, and the clip in it is a clip."""
    assert command("run", "text-to-video", "a boat", "--out", name) == 0
    (clip,) = clips(tmp_path)
    assert clip.parent == tmp_path / name
    assert decode(clip).seconds


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_nothing_is_paid_by_the_command_line(name: str, command: Any, sandbox: Sandbox) -> None:
    """`--out`, and the setting in its place: exit code 1, which means that nothing was made."""
    assert command("run", "text-to-video", "a boat", "--out", name) == 1
    assert sandbox.stats.tasks_created.total() == 0


@pytest.mark.parametrize("name", ["taken/deeper", "s3://bucket/clips", "x" * 256])
def test_nothing_is_paid_with_such_a_setting(
    name: str, command: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_OUTPUT_DIR", name)
    assert command("run", "text-to-video", "a boat") == 1
    assert sandbox.stats.tasks_created.total() == 0


@pytest.mark.parametrize("name", ["clips/2026.11.27", "v1.5", "50%"])
def test_a_folder_for_the_notebook(name: str, shell: Shell, tmp_path: Path) -> None:
    """The same words mean the same folder in a cell."""
    shell.run(f"%kling text-to-video --wait --out {name} a boat")
    (clip,) = clips(tmp_path)
    assert clip.parent == tmp_path / name


@pytest.mark.parametrize("name", ["taken/clip.mp4", "s3://bucket/clips", "x" * 256])
def test_nothing_is_paid_by_the_notebook(name: str, shell: Shell, sandbox: Sandbox) -> None:
    with pytest.raises(KlingError):
        shell.run(f"%kling text-to-video --wait --out {name} a boat")
    assert sandbox.stats.tasks_created.total() == 0


@in_loop
async def test_nothing_is_paid_by_an_agent(sandbox: Sandbox, tmp_path: Path) -> None:
    """A server whose output folder cannot be written says so before, and who can help."""
    for folder in (tmp_path / "taken" / "deeper", "s3://bucket/clips"):
        own = server(sandbox, tmp_path, client={"output_dir": folder})
        async with Client(own) as agent:
            told = await agent.call_tool("kling_text_to_video", {"prompt": "a boat"})
        facts = told.structured_content
        assert told.is_error
        assert facts["billed"] == "no"
        assert "KLING_OUTPUT_DIR" in str(facts)
    assert sandbox.stats.tasks_created.total() == 0


@pytest.mark.parametrize(
    "endpoint, kind", [("text_to_video", ".mp4"), ("image_generation", ".png")]
)
@in_loop
async def test_a_page_in_the_place_of_a_file(
    endpoint: str, kind: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """An agent is not told that a page was saved; the next call brings the file."""
    async with Client(server(sandbox, tmp_path)) as agent:
        made = await agent.call_tool(f"kling_{endpoint}", {"prompt": "a boat", "wait_seconds": 60})
        task = {"task_id": made.structured_content["task_id"]}
        sandbox.faults.add(Fault("html", kind="media", status=200, times=None))
        told = await agent.call_tool("kling_download", task)
        assert told.is_error
        assert list((tmp_path / "clips").rglob(f"*{kind}")) == []
        sandbox.faults.clear()
        told = await agent.call_tool("kling_download", task)
    assert not told.is_error
    (path,) = (tmp_path / "clips").rglob(f"*{kind}")
    assert decode(path).width
