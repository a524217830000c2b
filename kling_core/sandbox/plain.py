"""Plain outputs, for contracts that need no scene of their own: a picture, a clip, a tone."""

from __future__ import annotations

import hashlib
import io
import math
import wave
from array import array

from kling_core.sandbox.jobs import Bench, Output


def picture(bench: Bench, text: str) -> Output:
    """A picture that shows the text, large enough to be an input again."""
    from kling_core.sandbox import render

    path = bench.path(".png")
    render.image(path, prompt=text, size=render.Size(640, 480), cancelled=bench.cancelled)
    return Output(path)


def clip(bench: Bench, text: str, seconds: float, ratio: str = "16:9") -> Output:
    """A clip that shows the text."""
    from kling_core.sandbox import render

    path = bench.path(".mp4")
    render.text_video(
        path,
        prompt=text,
        size=render.video_size(ratio, "std", bench.quality),
        seconds=seconds,
        fps=bench.fps,
        cancelled=bench.cancelled,
    )
    return Output(path, seconds)


def tone(bench: Bench, text: str, seconds: float) -> Output:
    """A tone whose pitch follows the text."""
    path = bench.path(".wav")
    path.write_bytes(sound(text, seconds))
    return Output(path, seconds)


def sound(text: str, seconds: float) -> bytes:
    """A tone whose pitch follows the text, as WAV."""
    rate, pitch = 16000, 180 + hashlib.sha256(text.encode()).digest()[0]
    count = round(seconds * rate)
    turns = (2 * math.pi * pitch * n / rate for n in range(count))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", (int(9000 * math.sin(turn)) for turn in turns)).tobytes())
    return out.getvalue()
