"""What a clip of the sandbox costs to render; the least of some rounds, as nothing but other
work on the machine makes a round dearer.
"""

from __future__ import annotations

from pathlib import Path

from tools import Plan, Row, cpu


def render(plan: Plan, folder: Path) -> list[Row]:
    """Five seconds at 640 by 360, 24 frames a second, from words and from a picture."""
    from PIL import Image

    from kling_core.sandbox.render import Size, image_video, text_video

    size = Size(640, 360)
    still = folder / "still.jpg"
    Image.radial_gradient("L").resize((1280, 720)).convert("RGB").save(still, quality=92)
    picture = still.read_bytes()
    path = folder / "render.mp4"

    def from_words() -> None:
        text_video(path, prompt="a paper boat in the rain", size=size, seconds=5, fps=24)

    def from_picture() -> None:
        image_video(path, image=picture, size=size, seconds=5, fps=24)

    rows: list[Row] = []
    for what, work in (("text", from_words), ("image", from_picture)):
        work()
        spent = min(cpu(work) for _ in range(plan.times(7)))
        rows.append(Row(f"sandbox, 5 s clip at 640x360 from {what}", spent, "s", 0.5))
    return rows
