"""Real clips of a few bytes, for tests that move files and do not look at their pictures."""

from __future__ import annotations

import io
import struct
from functools import cache

import av
import numpy as np


@cache
def clip(
    size: int | None = None, *, frames: int = 2, side: int = 32, codec: str = "mpeg4", seed: int = 0
) -> bytes:
    """An MP4 of noise that any player opens; a box of padding makes it `size` bytes long."""
    noise = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            pixels = noise.integers(0, 255, (side, side, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    made = buffer.getvalue()
    if size is None:
        return made
    room = size - len(made)
    assert room >= 8, f"it has {len(made)} bytes already"
    return made + struct.pack(">I4s", room, b"free") + bytes(room - 8)
