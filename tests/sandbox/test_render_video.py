"""The renderer's clips from words and pictures: whole, exact, moving as asked."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from render_clips import (
    boxes,
    centre,
    difference,
    level,
    luma,
    marked,
    photo,
    pictures,
    plain,
    png,
    probe,
    sound,
)

from kling_core.sandbox.render import (
    BadMedia,
    Camera,
    Cancelled,
    Mask,
    Size,
    effect,
    image_size,
    image_video,
    multi_image_video,
    size_like,
    text_video,
    video_size,
)
from kling_core.sandbox.render.effects import FAMILIES, family_of

SIZE = Size(320, 180)
FPS = 12


@pytest.mark.parametrize(
    "ratio, mode, quality, size",
    [
        ("16:9", "std", "std", (640, 360)),
        ("16:9", "pro", "std", (854, 480)),
        ("16:9", "4k", "std", (1280, 720)),
        ("9:16", "std", "std", (360, 640)),
        ("1:1", "pro", "std", (480, 480)),
        ("16:9", "pro", "test", (320, 180)),
        ("9:16", "4k", "test", (180, 320)),
    ],
)
def test_video_sizes(ratio: str, mode: str, quality: str, size: tuple[int, int]) -> None:
    """A ratio and a mode give the documented size; quality test is small whatever the mode."""
    assert video_size(ratio, mode, quality) == size


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"])
def test_image_sizes_have_the_exact_ratio(ratio: str) -> None:
    """A still's ratio is exact, its long side near 1024, and 2k is twice as large."""
    across, down = map(int, ratio.split(":"))
    small = image_size(ratio)
    assert small.width * down == small.height * across
    assert abs(max(small) - 1024) <= 16
    assert image_size(ratio, "2k") == (small.width * 2, small.height * 2)
    assert abs(max(image_size(ratio, "1k", "test")) - 256) <= 8


def test_a_ratio_that_is_none_is_refused() -> None:
    """Sizes refuse a ratio that is not W:H."""
    with pytest.raises(ValueError, match="16:9"):
        video_size("wide")


def test_size_like_follows_the_upright_image() -> None:
    """The size follows the image as it is seen, EXIF orientation applied, in even numbers."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 360)).save(out, "JPEG", exif=exif)
    assert size_like(out.getvalue(), "std", "test") == (180, 320)
    assert size_like(plain((1, 2, 3), (500, 333)), "std", "std") == (540, 360)


@pytest.mark.parametrize("seconds, size", [(5.0, SIZE), (3.0, Size(180, 320))])
def test_text_video_is_a_whole_clip(tmp_path: Path, seconds: float, size: Size) -> None:
    """The clip is H.264 4:2:0 of the asked size, rate and length, playable while it downloads."""
    path = tmp_path / "clip.mp4"
    text_video(path, prompt="a paper boat", size=size, seconds=seconds, fps=FPS)
    facts = probe(path)
    assert (facts.codec, facts.pix_fmt, facts.audio_codec) == ("h264", "yuv420p", None)
    assert (facts.width, facts.height) == size
    assert facts.frames == seconds * FPS
    assert facts.fps == FPS
    assert facts.duration == pytest.approx(seconds, abs=0.05)
    assert boxes(path)[:2] == ["ftyp", "moov"]
    assert "mdat" in boxes(path)[2:]
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize(
    "prompt", ["snowy mountains at dawn", "rain over the city at night", "the sea", "桜の花"]
)
def test_a_scene_moves(tmp_path: Path, prompt: str) -> None:
    """Frames differ from their neighbours a little and from the first one more."""
    path = tmp_path / "clip.mp4"
    text_video(path, prompt=prompt, size=SIZE, seconds=3, fps=FPS)
    frames = luma(path)
    assert all(difference(a, b) > 0.05 for a, b in itertools.pairwise(frames))
    assert difference(frames[10], frames[-1]) > 1


def test_prompts_make_different_clips_and_the_same_one_the_same_bytes(tmp_path: Path) -> None:
    """The same arguments give the same bytes; another prompt or negative prompt, other ones."""

    def made(name: str, **changes: object) -> bytes:
        path = tmp_path / name
        values = {"prompt": "a cat", "size": SIZE, "seconds": 1, "fps": FPS, "sound": True}
        text_video(path, **(values | changes))  # type: ignore[arg-type]
        return path.read_bytes()

    first = made("1.mp4")
    assert made("2.mp4") == first
    assert made("3.mp4", prompt="a dog") != first
    assert made("4.mp4", negative_prompt="blurry") != first


def test_sound_is_heard_for_the_whole_clip(tmp_path: Path) -> None:
    """`sound` adds AAC above -30 dBFS that lasts as long as the picture."""
    path = tmp_path / "clip.mp4"
    text_video(path, prompt="waves", size=SIZE, seconds=3, fps=FPS, sound=True)
    assert probe(path).audio_codec == "aac"
    samples, rate = sound(path)
    assert samples.size / rate == pytest.approx(3, abs=0.05)
    assert level(samples) > -30
    assert level(samples[rate : 2 * rate]) > -30


def test_shots_are_cut(tmp_path: Path) -> None:
    """A clip of several shots changes its scene at once where a shot ends, and only there."""
    path = tmp_path / "clip.mp4"
    shots = [("a desert at dusk", 1.0), ("the sea at night", 1.5), ("snow, day", 0.5)]
    text_video(path, prompt="", size=SIZE, seconds=3, fps=FPS, shots=shots)
    frames = luma(path)
    assert len(frames) == 36
    jumps = [difference(a, b) for a, b in itertools.pairwise(frames)]
    assert {i + 1 for i, jump in enumerate(jumps) if jump > 12} == {12, 30}


def test_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """Once `cancelled` answers true no other frame is rendered and no file is left."""
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    with pytest.raises(Cancelled):
        text_video(
            tmp_path / "a.mp4", prompt="x", size=SIZE, seconds=5, fps=FPS, cancelled=cancelled
        )
    assert asked == 6
    assert not list(tmp_path.iterdir())


def test_image_video_starts_with_the_image_and_moves(tmp_path: Path) -> None:
    """The first frame is the whole image; the last one is nearer."""
    path = tmp_path / "clip.mp4"
    source = photo()
    image_video(path, image=source, size=SIZE, seconds=2, fps=FPS)
    frames = pictures(path)
    whole = np.asarray(Image.open(io.BytesIO(source)).resize(SIZE)).astype(np.int16)
    assert len(frames) == 24
    assert difference(frames[0], whole) < 6
    assert difference(frames[-1], whole) > 2 * difference(frames[0], whole)


def test_the_image_is_upright(tmp_path: Path) -> None:
    """EXIF orientation is applied before the picture is filmed."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3
    upright = Image.new("RGB", (320, 180), (255, 255, 255))
    upright.paste((0, 0, 0), (0, 0, 320, 90))
    upright.rotate(180).save(out, "JPEG", exif=exif)
    image_video(tmp_path / "a.mp4", image=out.getvalue(), size=SIZE, seconds=0.5, fps=FPS)
    first = luma(tmp_path / "a.mp4")[0]
    assert first[:60].mean() < 60
    assert first[120:].mean() > 190


@pytest.mark.parametrize("start", [None, photo(1)])
def test_a_tail_ends_the_clip(tmp_path: Path, start: bytes | None) -> None:
    """With a tail the last frame is that image; without a start the clip still moves towards it."""
    path = tmp_path / "clip.mp4"
    image_video(path, image=start, tail=photo(2), size=SIZE, seconds=2, fps=FPS)
    frames = pictures(path)
    tail = np.asarray(Image.open(io.BytesIO(photo(2))).resize(SIZE)).astype(np.int16)
    assert difference(frames[-1], tail) < 5
    assert difference(frames[0], tail) > 20
    steps = [difference(a, b) for a, b in itertools.pairwise(frames)]
    assert max(steps) < 12


@pytest.mark.parametrize("bad", [b"", b"no picture", photo()[:900]])
def test_an_undecodable_image_is_bad_media(tmp_path: Path, bad: bytes) -> None:
    """An image that cannot be decoded whole raises BadMedia and leaves no file."""
    with pytest.raises(BadMedia, match="image"):
        image_video(tmp_path / "a.mp4", image=bad, size=SIZE, seconds=1, fps=FPS)
    assert not list(tmp_path.iterdir())


def _mark_way(tmp_path: Path, camera: Camera) -> tuple[float, float, float]:
    """How a mark in the middle moves (right, down) and grows under the camera."""
    path = tmp_path / "clip.mp4"
    image_video(path, image=marked((320, 180)), size=SIZE, seconds=1, fps=FPS, camera=camera)
    frames = luma(path)
    x0, y0, area0 = centre(frames[0])
    x1, y1, area1 = centre(frames[-1])
    return x1 - x0, y1 - y0, area1 / area0


@pytest.mark.parametrize(
    "axis, across, down",
    [("horizontal", -1, 0), ("vertical", 0, 1), ("pan", -1, 0), ("tilt", 0, 1)],
)
@pytest.mark.parametrize("value", [10, -3])
def test_camera_shifts_have_their_sign(
    tmp_path: Path, axis: str, across: int, down: int, value: float
) -> None:
    """What the camera looks at moves against it: plus is right and up, minus left and down."""
    dx, dy, _ = _mark_way(tmp_path, Camera("simple", axis, value))
    if across:
        assert dx * across * value > 0
        assert abs(dx) > 10 > abs(dy)
    else:
        assert dy * down * value > 0
        assert abs(dy) > 8 > abs(dx)


def test_a_larger_value_moves_more(tmp_path: Path) -> None:
    """The amount of a move follows its value."""
    small, _, _ = _mark_way(tmp_path, Camera("simple", "horizontal", 3))
    large, _, _ = _mark_way(tmp_path, Camera("simple", "horizontal", 9))
    assert abs(large) > 1.5 * abs(small)


def test_zoom_plus_is_wider(tmp_path: Path) -> None:
    """Zoom plus shows more of the picture as it goes on, minus shows less."""
    _, _, wider = _mark_way(tmp_path, Camera("simple", "zoom", 8))
    _, _, nearer = _mark_way(tmp_path, Camera("simple", "zoom", -8))
    assert wider < 0.7
    assert nearer > 1.4


@pytest.mark.parametrize("value", [10, -10])
def test_roll_turns_the_picture_against_the_camera(tmp_path: Path, value: float) -> None:
    """Roll plus turns the camera clockwise, so a mark on the right rises; minus lets it sink."""
    path = tmp_path / "clip.mp4"
    camera = Camera("simple", "roll", value)
    image_video(path, image=marked((480, 180)), size=SIZE, seconds=1, fps=FPS, camera=camera)
    frames = luma(path)
    _, first, _ = centre(frames[0])
    _, last, _ = centre(frames[-1])
    assert (first - last) * value > 0
    assert abs(first - last) > 12


def test_pan_is_no_shift(tmp_path: Path) -> None:
    """A pan turns the camera: what stands at the side changes its height, unlike in a shift."""
    heights = {}
    for axis in ("pan", "horizontal"):
        path = tmp_path / f"{axis}.mp4"
        image_video(
            path,
            image=marked((320, 90), (320, 270)),
            size=SIZE,
            seconds=1,
            fps=FPS,
            camera=Camera("simple", axis, 10),
        )
        spread = []
        for frame in luma(path)[[0, 6]]:
            rows = np.nonzero(frame > 150)[0]
            spread.append(rows.max() - rows.min())
        heights[axis] = abs(int(spread[0]) - int(spread[1]))
    assert heights["pan"] > heights["horizontal"]


def test_fixed_moves_are_what_they_say(tmp_path: Path) -> None:
    """forward_up nears and rises, down_back leaves and sinks, the turns go to their side."""
    _, sinks, grows = _mark_way(tmp_path, Camera("forward_up"))
    assert sinks > 8
    assert grows > 1.4
    _, rises, shrinks = _mark_way(tmp_path, Camera("down_back"))
    assert rises < -8
    assert shrinks < 0.7
    right, _, nearer = _mark_way(tmp_path, Camera("right_turn_forward"))
    left, _, also_nearer = _mark_way(tmp_path, Camera("left_turn_forward"))
    assert right < -15
    assert left > 15
    assert min(nearer, also_nearer) > 1.2


@pytest.mark.parametrize("axis", ["horizontal", "pan", "roll"])
def test_a_scene_follows_the_camera_too(tmp_path: Path, axis: str) -> None:
    """A text to video clip with a camera move differs from the one without."""
    clips = []
    for name, camera in (("a", None), ("b", Camera("simple", axis, 10))):
        text_video(tmp_path / name, prompt="hills", size=SIZE, seconds=0.5, fps=FPS, camera=camera)
        clips.append(luma(tmp_path / name))
    assert difference(clips[0][0], clips[1][0]) > 2


def test_an_unknown_move_is_refused(tmp_path: Path) -> None:
    """An unknown camera move or axis raises ValueError."""
    for camera in (Camera("sideways"), Camera("simple", "depth", 3)):
        with pytest.raises(ValueError, match="camera"):
            image_video(tmp_path / "a", image=photo(), size=SIZE, seconds=1, fps=FPS, camera=camera)


def _mask(box: tuple[int, int, int, int], size: tuple[int, int] = (640, 360)) -> bytes:
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return png(mask)


def test_the_brush_moves_its_region_along_the_path(tmp_path: Path) -> None:
    """The masked disc travels right and up (y grows upwards); the other one stays."""
    path = tmp_path / "clip.mp4"
    brush = Mask(_mask((130, 230, 190, 290)), [(160, 100), (320, 100), (320, 250)])
    image_video(
        path, image=marked((160, 260), (560, 100)), size=SIZE, seconds=2, fps=FPS, masks=[brush]
    )
    frames = luma(path)
    assert len(frames) == 24
    moved = [centre(frame[:, :230]) for frame in (frames[0], frames[12], frames[-1])]
    assert moved[0][:2] == pytest.approx((80, 130), abs=3)
    assert moved[1][0] == pytest.approx(155, abs=12)
    assert moved[2][:2] == pytest.approx((160, 55), abs=3)
    assert moved[2][2] == pytest.approx(moved[0][2], rel=0.2)
    stayed = [centre(frame[:, 230:])[:2] for frame in (frames[0], frames[-1])]
    assert stayed[0] == pytest.approx(stayed[1], abs=1)


def test_a_static_mask_holds_its_region(tmp_path: Path) -> None:
    """What lies under the static mask stays where it was while the rest moves."""
    path = tmp_path / "clip.mp4"
    image_video(
        path,
        image=photo(3),
        size=SIZE,
        seconds=2,
        fps=FPS,
        static_mask=_mask((0, 0, 200, 360)),
    )
    frames = luma(path)
    held = difference(frames[0][:, :90], frames[-1][:, :90])
    moved = difference(frames[0][:, 200:], frames[-1][:, 200:])
    assert held < 3
    assert moved > 3 * held


def test_every_image_takes_part(tmp_path: Path) -> None:
    """Each of the images is seen in the clip's last frame, in either orientation."""
    colours = [(230, 20, 20), (20, 200, 40), (30, 60, 240), (240, 220, 30)]
    for size in (SIZE, Size(180, 320)):
        for count in (1, 4):
            path = tmp_path / f"{count}.mp4"
            multi_image_video(
                path,
                images=[plain(c) for c in colours[:count]],
                prompt="together",
                size=size,
                seconds=2,
                fps=FPS,
            )
            last = pictures(path)[-1]
            assert probe(path).frames == 24
            for colour in colours[:count]:
                near = np.abs(last - np.array(colour)).max(axis=2) < 40
                assert near.mean() > 0.03, (size, count, colour)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_effect_changes_the_picture_its_way(tmp_path: Path, family: str) -> None:
    """Each family makes a whole clip in which the picture visibly moves."""
    scene = next(name for i in range(999) if family_of(name := f"scene-{i}") == family)
    path = tmp_path / "clip.mp4"
    effect(path, scene=scene, images=[photo(4)], size=SIZE, seconds=1, fps=FPS)
    frames = luma(path)
    assert len(frames) == 12
    assert max(difference(frames[0], frame) for frame in frames) > 2.5


def test_effects_are_told_apart(tmp_path: Path) -> None:
    """At least six families look different from each other in the middle of the clip."""
    middles = {}
    for family in FAMILIES:
        scene = next(name for i in range(999) if family_of(name := f"scene-{i}") == family)
        path = tmp_path / "clip.mp4"
        effect(path, scene=scene, images=[photo(4)], size=SIZE, seconds=1, fps=8)
        middles[family] = luma(path)[2:7]
    assert len(middles) >= 6
    names = sorted(middles)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert difference(middles[one], middles[other]) > 1.5, (one, other)


def test_a_scene_s_name_chooses_its_effect() -> None:
    """Names that say what happens get that effect; others always get the same one."""
    assert family_of("squish") == "squish"
    assert family_of("summer_fireworks") == "confetti"
    assert family_of("hot_feet_dance") == "sway"
    assert len({family_of("c8d1_unknown") for _ in range(5)}) == 1
    assert len({family_of(f"scene-{i}") for i in range(300)}) == len(FAMILIES)


def test_two_images_stand_side_by_side(tmp_path: Path) -> None:
    """The first image is on the left half, the second one on the right."""
    path = tmp_path / "clip.mp4"
    images = [plain((220, 30, 30)), plain((30, 30, 220))]
    effect(path, scene="glow", images=images, size=SIZE, seconds=0.5, fps=FPS)
    first = pictures(path)[0]
    assert first[90, 40, 0] > 150 > first[90, 40, 2]
    assert first[90, 280, 2] > 150 > first[90, 280, 0]
