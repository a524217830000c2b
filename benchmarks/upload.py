"""A create with a 10 MB image: CPU against `binascii` and SHA-256 alone, and memory.

The whole create is measured: checks, reading the file, base64, sending, the answer. Run by itself,
with the server's URL and a folder, it prints the memory that a create takes over an idle client.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import sys
from pathlib import Path

from memory import peak_over_idle
from tools import Plan, Row, against, by_turns, child_answer

from kling_core import Kling

SIDES = (1820, 1830)  # 3 bytes a pixel, stored: 9,992,430 bytes of PNG and a little more


def upload(plan: Plan, url: str, folder: Path) -> list[Row]:
    """The rows of CPU and memory."""
    image = _image(folder, SIDES)
    content = image.read_bytes()
    with Kling(api_key="key", base_url=url) as kling:

        def create() -> None:
            kling.image_to_video.create(image=image)

        def encode() -> None:
            binascii.b2a_base64(content, newline=False)
            hashlib.sha256(content).hexdigest()

        pairs = by_turns(encode, create, plan.times(45), 1000)
    grown = child_answer(Path(__file__).name, url, str(folder))
    return [
        against("create with a 10 MB image / base64 and sha256", 1.4, "ms", pairs),
        Row("create with a 10 MB image, memory over idle", grown, "MiB", 2),
    ]


def _image(folder: Path, sides: tuple[int, int]) -> Path:
    """A PNG of noise, which nothing makes smaller."""
    from PIL import Image

    path = folder / f"noise-{sides[0]}.png"
    if not path.exists():
        pixels = os.urandom(sides[0] * sides[1] * 3)
        Image.frombytes("RGB", sides, pixels).save(path, compress_level=0)
    return path


def _memory(url: str, folder: Path) -> None:
    with Kling(api_key="key", base_url=url) as kling:
        kling.image_to_video.create(image=_image(folder, (300, 300)))
        image = folder / f"noise-{SIDES[0]}.png"
        print(peak_over_idle(lambda: kling.image_to_video.create(image=image)))


if __name__ == "__main__":
    _memory(sys.argv[1], Path(sys.argv[2]))
