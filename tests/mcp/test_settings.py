"""Settings from the environment."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from kling_core.errors import ConfigError
from kling_mcp.settings import USUAL, Settings


def test_nothing_set():
    """One dollar asks for a confirmation, and no further folder may be read."""
    settings = Settings.from_environment()
    assert settings == Settings()
    assert (settings.confirm_over, settings.wait_seconds) == (Decimal(1), 45)
    assert settings.toolsets == USUAL
    assert settings.allowed_dirs == ()
    assert not settings.callbacks


def test_all_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("KLING_MCP_TOOLSETS", "image")
    monkeypatch.setenv("KLING_MCP_CONFIRM_OVER", "0.25")
    monkeypatch.setenv("KLING_MCP_WAIT", "20")
    monkeypatch.setenv("KLING_ALLOWED_DIRS", os.pathsep.join([str(tmp_path), "~"]))
    monkeypatch.setenv("KLING_MEDIA_HOSTS", "cdn.example, Media.example")
    monkeypatch.setenv("KLING_MCP_CALLBACKS", "1")
    settings = Settings.from_environment()
    assert settings.toolsets == ("image",)
    assert settings.confirm_over == Decimal("0.25")
    assert settings.wait_seconds == 20
    assert settings.allowed_dirs == (tmp_path, Path.home())
    assert settings.media_hosts == ("cdn.example", "media.example")
    assert settings.callbacks


def test_arguments_win(monkeypatch: pytest.MonkeyPatch):
    """None is no argument."""
    monkeypatch.setenv("KLING_MCP_WAIT", "20")
    assert Settings.from_environment(wait_seconds=5, toolsets=None).wait_seconds == 5
    assert Settings.from_environment(wait_seconds=None).wait_seconds == 20


def test_never_asks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KLING_MCP_CONFIRM_OVER", "never")
    assert Settings.from_environment().confirm_over is None


@pytest.mark.parametrize(
    "name,value",
    [
        ("KLING_MCP_TOOLSETS", "video,imaeg"),
        ("KLING_MCP_TOOLSETS", ","),
        ("KLING_MCP_CONFIRM_OVER", "much"),
        ("KLING_MCP_CONFIRM_OVER", "-1"),
        ("KLING_MCP_WAIT", "601"),
        ("KLING_MCP_WAIT", "-5"),
    ],
)
def test_what_cannot_be_understood(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        Settings.from_environment()
    assert error.value.fix
