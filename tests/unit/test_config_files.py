"""A config file as editors of all systems write it."""

from __future__ import annotations

import codecs
from decimal import Decimal

import pytest

from kling_core import config
from kling_core.errors import ConfigError

TEXT = 'api_key = "xxxxxxxxxxxxxxxxxxxx"\r\nmax_cost = 5\r\n'


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("API_KEY", "ACCESS_KEY", "SECRET_KEY", "MAX_COST", "BUDGET"):
        monkeypatch.delenv(f"KLING_{name}", raising=False)


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
    ids=["plain", "Notepad", "PowerShell", "the other way"],
)
def test_marks(tmp_path, data):
    """With a byte order mark or without: the limit in it holds."""
    (tmp_path / "config.toml").write_bytes(data)
    (tmp_path / "config.toml").chmod(0o600)
    assert config.resolve(home=tmp_path).max_cost == Decimal(5)


@pytest.mark.parametrize("text", [r'output_dir = "C:\Users\me\Videos"', r'output_dir = "\\nas\x"'])
def test_a_windows_path_in_double_quotes(tmp_path, text):
    """TOML reads escapes there; what to write is said."""
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match="single quotes, or with /"):
        config.resolve(home=tmp_path)


def test_another_encoding(tmp_path):
    """It is named, and nothing of the file is taken."""
    (tmp_path / "config.toml").write_bytes('project = "café"'.encode("cp1252"))
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        config.resolve(home=tmp_path)
