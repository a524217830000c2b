"""Captions: the prompt as a strip of text at the foot of a picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

__all__ = ["caption"]

_LINES = 3
_CJK_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "simhei.ttf",
    "simsun.ttc",
)
_OTHER_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf", "segoeui.ttf")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def caption(text: str, width: int, height: int, note: str = "") -> Image.Image | None:
    """A strip with `text` (up to three lines) for the foot of a picture of this size, RGBA.

    `note` adds a smaller line under it. Chinese, Japanese and Korean text needs a font of the
    system; without one, the characters that cannot be drawn are named by their number. None when
    there is nothing to say.
    """
    text, note = " ".join(text.split()), " ".join(note.split())
    if not text:
        return None
    letter = max(9, round(min(height / 17, width / 22)))
    font = _font_for(text, letter)
    lines = _wrapped(_drawable(text, font), font, width * 0.86)
    small = _font_for(note, max(8, round(letter * 0.7))) if note else font
    notes = _wrapped(_drawable(note, small), small, width * 0.86)[:1] if note else []
    step, pad = round(letter * 1.35), round(letter * 0.55)
    longest = max(font.getlength(line) for line in lines)
    longest = max([longest, *(small.getlength(line) for line in notes)])
    across = min(width, round(longest) + 4 * pad)
    down = step * len(lines) + round(letter * len(notes)) + 2 * pad
    strip = Image.new("RGBA", (across, down), (0, 0, 0, 0))
    draw = ImageDraw.Draw(strip)
    draw.rounded_rectangle((0, 0, across - 1, down - 1), radius=pad * 1.4, fill=(12, 14, 24, 150))
    for row, line in enumerate(lines):
        draw.text((across / 2, pad + row * step), line, (255, 255, 255, 255), font, anchor="ma")
    for line in notes:
        draw.text(
            (across / 2, pad + len(lines) * step), line, (200, 205, 220, 255), small, anchor="ma"
        )
    return strip


def _wrapped(text: str, font: Font, limit: float) -> list[str]:
    lines, line = [""], ""
    for piece in _pieces(text):
        candidate = line + piece
        if line.strip() and font.getlength(candidate.rstrip()) > limit:
            line = piece.lstrip()
            lines.append(line)
        else:
            line = candidate
        lines[-1] = line.strip()
    if len(lines) <= _LINES:
        return lines
    last = lines[_LINES - 1]
    while last and font.getlength(last + "…") > limit:
        last = last[:-1]
    return [*lines[: _LINES - 1], last.rstrip() + "…"]


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: after a space, and around each ideograph or very long word."""
    word = ""
    for letter in text:
        if _is_cjk(letter) or len(word) >= 24:
            yield word
            word = ""
        word += letter
        if letter == " " or _is_cjk(letter):
            yield word
            word = ""
    yield word


def _drawable(text: str, font: Font) -> str:
    """`text`, or what of it the font can draw and how many characters it cannot."""
    missing = [letter for letter in text if not _has(font, letter)]
    if not missing:
        return text
    shown = " ".join("".join(letter if _has(font, letter) else " " for letter in text).split())
    return f"{shown} [{len(missing)} characters need a CJK font]".strip()


def _font_for(text: str, size: int) -> Font:
    """The first known font that draws all of `text`, else Pillow's own."""
    own = _own_font(size)
    if all(_has(own, letter) for letter in set(text)):
        return own
    wide = any(_is_cjk(letter) for letter in text)
    for name in _CJK_FONTS + _OTHER_FONTS if wide else _OTHER_FONTS + _CJK_FONTS:
        font = _system_font(name, size)
        if font is not None and all(_has(font, letter) for letter in set(text)):
            return font
    return own


@lru_cache(maxsize=64)
def _own_font(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=256)
def _system_font(name: str, size: int) -> Font | None:
    path = _font_files().get(name)
    if path is None:
        return None
    try:
        return ImageFont.truetype(path, size)
    except OSError:
        return None


@lru_cache(maxsize=1)
def _font_files() -> dict[str, str]:
    """Where each known font lies on this machine."""
    wanted = {*_CJK_FONTS, *_OTHER_FONTS}
    found: dict[str, str] = {}
    for root in _font_folders():
        for folder, _, names in os.walk(root):
            for name in wanted.intersection(names):
                found.setdefault(name, str(Path(folder, name)))
    return found


def _font_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts"]


@lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    """Whether the font draws this character as more than its box for unknown ones."""
    if letter.isspace():
        return True
    return _drawn(font, letter) != _drawn(font, "\U0010fffe")


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
    tile = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(tile).text((-left, -top), letter, 255, font)
    return tile.size, tile.tobytes()


def _is_cjk(letter: str) -> bool:
    return "\u2e80" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" or letter >= "\uf900"
