"""What the renderer builds upon a clip: extensions without a seam, and voices."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from render_clips import boxes, difference, level, luma, probe, sound, wav

from kling_core.sandbox.render import BadMedia, Cancelled, Size, extend, lip_sync, text_video

SIZE = Size(320, 180)
FPS = 12


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two seconds with sound."""
    path = tmp_path_factory.mktemp("parent") / "parent.mp4"
    text_video(path, prompt="a lake at dusk", size=SIZE, seconds=2, fps=FPS, sound=True)
    return path


def _foreign(path: Path) -> Path:
    """A clip of another encoder: MPEG-4 part 2, 15 frames a second, with an odd time base."""
    with av.open(path, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(30):
            pixels = np.full((180, 320, 3), 40, np.uint8)
            pixels[40:140, 5 * index : 5 * index + 80] = (200, 180, 60)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 15)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_an_extension_goes_on_without_a_seam(tmp_path: Path, parent: Path) -> None:
    """The parent's frames come first, unchanged; the join is no larger a step than the others."""
    path = tmp_path / "longer.mp4"
    extend(path, parent=parent, prompt="the moon rises", seconds=3)
    facts, before = probe(path), luma(parent)
    assert (facts.codec, facts.width, facts.height, facts.fps) == ("h264", *SIZE, FPS)
    assert facts.frames == 60
    assert facts.duration == pytest.approx(5, abs=0.05)
    frames = luma(path)
    assert np.array_equal(frames[:24], before)
    steps = [difference(a, b) for a, b in itertools.pairwise(frames)]
    assert steps[23] < 1.5
    assert steps[23] <= max(steps[:23])
    assert difference(frames[23], frames[-1]) > 5
    assert boxes(path)[:2] == ["ftyp", "moov"]
    assert [p.name for p in tmp_path.iterdir()] == ["longer.mp4"]


def test_an_extension_keeps_the_sound(tmp_path: Path, parent: Path) -> None:
    """The parent's sound is still there, as long and as loud as it was."""
    path = tmp_path / "longer.mp4"
    extend(path, parent=parent, prompt="", seconds=1)
    before, rate = sound(parent)
    after, same_rate = sound(path)
    assert probe(path).audio_codec == "aac"
    assert same_rate == rate
    assert after.size / rate == pytest.approx(before.size / rate, abs=0.05)
    assert level(after) == pytest.approx(level(before), abs=0.5)


def test_an_extension_can_be_extended(tmp_path: Path, parent: Path) -> None:
    """An extension of an extension is exact to the frame and keeps what came before."""
    once, twice = tmp_path / "1.mp4", tmp_path / "2.mp4"
    extend(once, parent=parent, prompt="first", seconds=1)
    extend(twice, parent=once, prompt="second", seconds=1)
    assert probe(twice).frames == 48
    assert probe(twice).duration == pytest.approx(4, abs=0.05)
    assert np.array_equal(luma(twice)[:36], luma(once))


def test_a_foreign_clip_can_be_extended(tmp_path: Path) -> None:
    """A parent of another encoder is encoded anew: same size, rate and pictures."""
    parent = _foreign(tmp_path / "foreign.mp4")
    path = tmp_path / "longer.mp4"
    extend(path, parent=parent, prompt="on", seconds=1)
    facts = probe(path)
    assert (facts.codec, facts.fps, facts.frames) == ("h264", 15, 45)
    assert facts.duration == pytest.approx(3, abs=0.05)
    assert difference(luma(path)[:30], luma(parent)) < 4


def test_extensions_are_the_same_twice_and_differ_by_prompt(tmp_path: Path, parent: Path) -> None:
    """The same arguments give the same bytes; another prompt gives other ones."""
    made = []
    for name, prompt in (("a", "up"), ("b", "up"), ("c", "down")):
        extend(tmp_path / name, parent=parent, prompt=prompt, seconds=1)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1] != made[2]


def test_a_parent_that_is_no_clip_is_bad_media(tmp_path: Path) -> None:
    """Text with a clip's name raises BadMedia in both functions and leaves nothing."""
    parent = tmp_path / "parent.mp4"
    parent.write_bytes(b"not a clip at all" * 40)
    with pytest.raises(BadMedia, match="video"):
        extend(tmp_path / "a.mp4", parent=parent, prompt="x")
    with pytest.raises(BadMedia, match="video"):
        lip_sync(tmp_path / "a.mp4", parent=parent, audio=None, text="hello")
    assert [p.name for p in tmp_path.iterdir()] == ["parent.mp4"]


@pytest.mark.parametrize("after", [3, 30])
def test_cancelling_an_extension_leaves_nothing(tmp_path: Path, parent: Path, after: int) -> None:
    """Cancelled while rendering or while joining: no file is left, whole or in part."""
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    with pytest.raises(Cancelled):
        extend(tmp_path / "a.mp4", parent=parent, prompt="x", seconds=2, cancelled=cancelled)
    assert not list(tmp_path.iterdir())


def test_lip_sync_plays_the_given_audio(tmp_path: Path, parent: Path) -> None:
    """The given audio is heard at a good level and its own pitch; the picture stays."""
    path = tmp_path / "talk.mp4"
    lip_sync(path, parent=parent, audio=wav(1.5, pitch=440), text=None)
    facts, (samples, rate) = probe(path), sound(path)
    assert (facts.frames, facts.audio_codec) == (24, "aac")
    assert facts.duration == pytest.approx(2, abs=0.05)
    assert samples.size / rate == pytest.approx(1.5, abs=0.06)
    assert level(samples) > -30
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate / samples.size == pytest.approx(440, abs=5)
    assert difference(luma(path), luma(parent)) < 3


def test_a_long_audio_ends_with_the_clip(tmp_path: Path, parent: Path) -> None:
    """An audio longer than the clip is cut at the clip's end."""
    path = tmp_path / "talk.mp4"
    lip_sync(path, parent=parent, audio=wav(9), text=None)
    samples, rate = sound(path)
    assert samples.size / rate == pytest.approx(2, abs=0.06)
    assert probe(path).duration == pytest.approx(2, abs=0.05)


def _spoken(path: Path, parent: Path, **values: object) -> tuple[float, float]:
    """Seconds of the voice, and its pitch in Hz by the first peak of its autocorrelation."""
    lip_sync(path, parent=parent, audio=None, **values)  # type: ignore[arg-type]
    samples, rate = sound(path)
    assert level(samples) > -30
    part = samples[2000 : 2000 + rate // 6]
    echo = np.correlate(part, part, "full")[part.size :]
    shortest = rate // 300
    return samples.size / rate, rate / (shortest + int(np.argmax(echo[shortest : rate // 80])) + 1)


def test_a_text_is_spoken_by_length_speed_and_voice(tmp_path: Path, parent: Path) -> None:
    """The voice lasts longer for more text and slower speech; its pitch is the voice's own."""
    path = tmp_path / "talk.mp4"
    short, one = _spoken(path, parent, text="Good day", voice_id="a")
    long, same = _spoken(path, parent, text="Good day my friend", voice_id="a")
    slow, _ = _spoken(path, parent, text="Good day", voice_id="a", voice_speed=0.6)
    chinese, _ = _spoken(path, parent, text="你好世界", voice_id="a")
    assert short < long < 2.05
    assert slow == pytest.approx(short / 0.6, rel=0.15)
    assert chinese == pytest.approx(4 / 4.6, abs=0.08)
    assert one == pytest.approx(same, rel=0.08)
    pitches = [_spoken(path, parent, text="Good day", voice_id=v)[1] for v in "bcde"]
    assert max(pitches) > 1.2 * min(pitches)


def test_the_mouth_is_seen_moving(tmp_path: Path, parent: Path) -> None:
    """The lower right corner changes with the voice while it speaks, and rests after it."""
    path = tmp_path / "talk.mp4"
    lip_sync(path, parent=parent, audio=wav(1), text=None)
    corner = (slice(None), slice(130, 180), slice(250, 320))
    changed = np.abs(luma(path)[corner] - luma(parent)[corner]).mean(axis=(1, 2))
    assert changed[2:10].min() > 2 * changed[15:].max()


@pytest.mark.parametrize("bad", [b"", b"no sound"])
def test_an_undecodable_audio_is_bad_media(tmp_path: Path, parent: Path, bad: bytes) -> None:
    """An audio that cannot be decoded raises BadMedia."""
    with pytest.raises(BadMedia, match="audio"):
        lip_sync(tmp_path / "a.mp4", parent=parent, audio=bad, text=None)
    assert not list(tmp_path.iterdir())
