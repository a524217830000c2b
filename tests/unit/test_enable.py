"""`python -m kling_jupyter enable` and `disable`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kling_jupyter.__main__ import disable, enable, main

MINE = "c = get_config()\nc.InteractiveShell.colors = 'nocolor'"


@pytest.mark.parametrize("text", ["", MINE, f"{MINE}\n", f"{MINE}\n\n# the end\n"])
def test_the_users_file_is_kept(tmp_path, text):
    """The block is added once, and taken out again without a trace."""
    config = tmp_path / "profile_default" / "ipython_config.py"
    if text:
        config.parent.mkdir()
        config.write_text(text)
    assert enable(config)
    assert not enable(config)
    assert config.read_text().startswith(text)
    assert config.read_text().count("lazy_magics") == 1
    assert disable(config)
    assert not disable(config)
    left = config.read_text() if config.exists() else ""
    assert left.rstrip("\n") == text.rstrip("\n")


def test_other_lazy_magics_are_kept(tmp_path, monkeypatch):
    """A user's own lazy magics stay, and IPython loads ours at its first use."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = tmp_path / "profile_default" / "ipython_config.py"
    config.parent.mkdir()
    config.write_text("c.MagicsManager.lazy_magics = {'mine': 'nowhere'}\n")
    assert main(["enable"]) == 0
    known = "get_ipython().magics_manager.lazy_magics"
    code = f"print(['kling' in {known}, 'mine' in {known}])\n%kling help"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "[True, True]" in done.stdout
    assert "text-to-video" in done.stdout


def test_what_is_done_is_said(tmp_path, monkeypatch, capsys):
    """The line names the file and whether anything has changed."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    main(["enable"])
    main(["enable"])
    main(["disable"])
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("From the next kernel on")
    assert "ipython_config.py" in first
    assert second.startswith("As before")
    assert "no more" in third
    assert not (tmp_path / "profile_default" / "ipython_config.py").exists()
