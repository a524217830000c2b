"""Going on from a clip: an extension that joins without a seam, and a voice laid over it."""

# PyAV's stubs leave some of their types open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.stream import Stream

from kling_core.sandbox.render.actors import weather
from kling_core.sandbox.render.audio import at_level, speech
from kling_core.sandbox.render.encode import (
    SOUND_RATE,
    frame_count,
    replacing,
    write_clip,
    write_mp4,
)
from kling_core.sandbox.render.errors import Cancelled, never
from kling_core.sandbox.render.motion import Lens, View, ease
from kling_core.sandbox.render.planes import Planes
from kling_core.sandbox.render.read import decoding, frames_of, inspect, read_sound
from kling_core.sandbox.render.scenes import seed_of
from kling_core.sandbox.render.sizes import Size
from kling_core.sandbox.render.stage import caption_drawer

__all__ = ["extend", "lip_sync"]


def extend(
    path: Path,
    *,
    parent: Path,
    prompt: str,
    seconds: float = 5.0,
    cancelled: Callable[[], bool] = never,
) -> None:
    """The parent's whole clip, then `seconds` more that move on from its last picture.

    Size and frame rate stay the parent's; so does its sound, which ends where the parent ended.
    The parent's picture is kept bit for bit when it came from this renderer, and encoded anew
    when not. Raises `BadMedia` for a parent that cannot be decoded, and `Cancelled`.
    """
    facts = inspect(parent)
    count = frame_count(seconds, facts.fps)
    child = _going_on(parent, prompt, count, facts.fps)
    with replacing(path) as part:
        piece = part.with_suffix(".child")
        try:
            write_mp4(piece, child, fps=facts.fps, cancelled=cancelled)
            if _same_coding(parent, piece):
                _join(part, parent, piece, cancelled)
            else:
                whole = chain(frames_of(parent), frames_of(piece))
                sound = None
                if facts.has_sound:
                    sound = read_sound(parent.read_bytes(), SOUND_RATE, facts.seconds)
                write_mp4(part, whole, fps=facts.fps, sound=sound, cancelled=cancelled)
        finally:
            piece.unlink(missing_ok=True)


def lip_sync(
    path: Path,
    *,
    parent: Path,
    audio: bytes | None,
    text: str | None,
    voice_id: str = "",
    voice_speed: float = 1.0,
    cancelled: Callable[[], bool] = never,
) -> None:
    """The parent's picture with a voice: the given audio, or a voice-like sound for `text`.

    The voice starts at once and lasts as long as it does, at most to the clip's end. Bars in the
    lower right corner rise and fall with it. Raises `BadMedia` for an audio or parent that cannot
    be decoded, `Cancelled`, and `ValueError` without audio and text.
    """
    facts = inspect(parent)
    if audio is not None:
        voice = at_level(read_sound(audio, SOUND_RATE, facts.seconds), -18)
    elif text:
        voice = speech(text, voice_id, voice_speed)
    else:
        raise ValueError("lip_sync needs an audio or a text")
    voice = voice[: round(facts.seconds * SOUND_RATE)]
    loudness = _loudness(voice, facts.fps)

    def frames() -> Iterator[Planes]:
        for index, picture in enumerate(frames_of(parent)):
            _draw_bars(picture, loudness, index)
            yield picture

    write_clip(path, frames(), fps=facts.fps, sound=voice, cancelled=cancelled)


def _going_on(parent: Path, prompt: str, count: int, fps: Fraction) -> Iterator[Planes]:
    """`count` pictures that rise and near from the parent's last one, from rest."""
    (last,) = frames_of(parent, last=True)
    size = Size(last.width, last.height)
    # Rising lets the parent's own caption sink out of the picture before the new one appears.
    lens = Lens(last, *size)
    draw_caption = caption_drawer(prompt, size, "extended", after=0.45 * count / float(fps))
    falling = weather("fireflies", *size, seed_of("extend", prompt))
    for index in range(1, count + 1):
        t = index / count
        e = ease(t / 0.85)
        picture = lens.look(View(zoom=1 + 0.42 * e, y=-0.14 * e))
        if falling and t > 0.3:
            falling(picture, index / float(fps))
        if draw_caption:
            draw_caption(picture, index / float(fps))
        yield picture


def _same_coding(one: Path, other: Path) -> bool:
    """Whether packets of both clips can lie in one track."""
    with decoding("video"), av.open(one) as a, av.open(other) as b:
        first, second = a.streams.video[0], b.streams.video[0]
        return (
            first.codec_context.name == second.codec_context.name
            # A track says once, in its head, how it is decoded.
            and first.codec_context.extradata == second.codec_context.extradata
            and first.time_base == second.time_base
        )


def _join(part: Path, parent: Path, piece: Path, cancelled: Callable[[], bool]) -> None:
    """Copy the parent's packets, then the piece's behind them."""
    with (
        decoding("video"),
        av.open(parent) as first,
        av.open(piece) as second,
        av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        kept: list[Stream] = [first.streams.video[0], *first.streams.audio[:1]]
        tracks: dict[int, Stream] = {s.index: out.add_stream_from_template(s) for s in kept}
        end = 0
        for packet in first.demux(kept):
            if packet.dts is None or packet.pts is None:  # the empty one at the end
                continue
            if cancelled():
                raise Cancelled
            if packet.stream_index == kept[0].index:
                end = max(end, packet.pts + (packet.duration or 0))
            packet.stream = tracks[packet.stream_index]
            out.mux(packet)
        for packet in second.demux(second.streams.video[0]):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts + end, packet.dts + end
            packet.stream = out.streams.video[0]
            out.mux(packet)


def _loudness(voice: npt.NDArray[np.float32], fps: Fraction) -> npt.NDArray[np.float32]:
    """How loud the voice is during each frame, 0..1."""
    step = max(1, round(SOUND_RATE / fps))
    pieces = np.pad(voice, (0, -len(voice) % step)).reshape(-1, step)
    levels = np.sqrt(np.mean(np.square(pieces), axis=1))
    return (levels / max(1e-6, float(levels.max(initial=0)))).astype(np.float32)


def _draw_bars(picture: Planes, loudness: npt.NDArray[np.float32], index: int) -> None:
    """Seven bars that open and close like a mouth, in the lower right corner."""
    level = float(loudness[index]) if index < len(loudness) else 0.0
    unit = max(4, round(picture.height / 60)) // 2 * 2
    middle = (picture.height - 8 * unit) // 2 * 2
    for bar in range(7):
        bow = math.cos((bar - 3) / 3.6 * math.pi / 2)
        swing = 0.65 + 0.35 * math.sin(index * 1.7 + bar * 2.1)
        reach = max(unit // 2, int(level * bow * swing * 5 * unit))
        left = picture.width - (18 - 2 * bar) * unit
        picture.y[middle - reach : middle + reach, left : left + unit] = 228
        rows = slice((middle - reach) // 2, (middle + reach) // 2)
        picture.u[rows, left // 2 : (left + unit) // 2] = 112
        picture.v[rows, left // 2 : (left + unit) // 2] = 140
