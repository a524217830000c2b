"""Wire contract of video effects (Kling API reference, video effects).

Serves today's shapes (`image` or two `images`) and the older ones with `model_name`, `mode` and
`duration`, which only the dual scenes of the first generation read.
"""

from __future__ import annotations

from pathlib import Path

from kling_core.sandbox.catalog import model, retirement, scene_images, units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import one_clip
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job, generation_seconds
from kling_core.sandbox.refusals import wrong_value

_NAME = "video_effects"
_FIRST_GENERATION = ("hug", "kiss", "heart_gesture", "fight")


def _read(body: Body, shop: Shop) -> Job:
    scene = body.text("effect_scene", required=True)
    count, warnings = scene_images(scene, shop.retired)
    given = body.object("input")
    if given is None:
        raise body.missing("input")
    sources = _read_images(given, count)
    seconds = given.whole("duration", 1, 60, 5)
    if seconds not in (5, 10):
        raise wrong_value(f"input.duration value '{seconds}' is invalid")
    mode = given.choice("mode", ("std", "pro"), "std")
    model_name = given.text("model_name")
    if model_name:
        row = model(model_name, "video", _NAME)
        warnings = [*warnings, *retirement(row, shop.retired)]
    if scene == "fight" and model_name not in ("", "kling-v1-6"):
        raise wrong_value(f"input.model_name value '{model_name}' is invalid for fight")

    def paint(bench: Bench, path: Path) -> None:
        from kling_core.sandbox import render

        images = [bench.image(source) for source in sources]
        single = render.size_like(images[0], mode, bench.quality)
        render.effect(
            path,
            scene=scene,
            images=images,
            size=single if count == 1 else render.video_size("16:9", mode, bench.quality),
            seconds=seconds,
            fps=bench.fps,
            cancelled=bench.cancelled,
        )

    return Job(
        model_name=model_name or ("kling-v1" if scene in _FIRST_GENERATION else ""),
        mode=mode,
        nominal_seconds=generation_seconds("", mode, seconds),
        units=units(_NAME, "", None, seconds),
        make=one_clip(seconds, paint),
        warnings=warnings,
    )


def _read_images(given: Body, count: int) -> list[Source]:
    """One `image` or two `images`; a list under `image` is what one old table showed."""
    if count == 1:
        source = given.image("image", required=True)
        return [source] if source else []
    key = "image" if isinstance(given.get("image"), list) else "images"
    return given.images(key, 2, 2)


CONTRACT = Contract(_NAME, [Task("/v1/videos/effects", _read, watermark="")])
