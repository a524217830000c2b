"""A port that is taken, a name that is none: one line says why nobody listens there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from kling_core.callbacks.listen import must_be_free
from kling_core.sandbox import Sandbox

COMMANDS = {
    "sandbox": ["kling_core.cli.main", "sandbox"],
    "callbacks": ["kling_core.cli.main", "callbacks", "--unsigned"],
    "mcp": ["kling_mcp.main", "--sandbox", "--http"],
}


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_port_that_is_taken(command, taken, tmp_path):
    """It is named in one line, with what to do."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
    done = subprocess.run(
        [sys.executable, "-m", *command, "--port", str(taken)],
        env={**plain, "KLING_HOME": str(tmp_path), "KLING_API_KEY": "x" * 20},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"port {taken} is taken by another program" in line
    assert "--port" in line
    assert "Errno" not in line


def test_a_sandbox_in_python(taken, capfd):
    """An `OSError` in the same words, and nothing on the screen."""
    with pytest.raises(OSError, match=f"port {taken} is taken by another program"):
        Sandbox(port=taken).start()
    assert capfd.readouterr() == ("", "")


def test_other_reasons():
    """A name that is none, an address of another machine."""
    with pytest.raises(OSError, match=r"no address of the name no-such-name\.invalid"):
        must_be_free("no-such-name.invalid", 0)
    with pytest.raises(OSError, match="not an address of this machine"):
        must_be_free("192.0.2.1", 0)
    must_be_free("127.0.0.1", 0)
