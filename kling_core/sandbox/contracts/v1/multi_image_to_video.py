"""Wire contract of multi-image to video (Kling API reference, multi-image to video)."""

from __future__ import annotations

from pathlib import Path

from kling_core.sandbox.catalog import endpoint_retirement
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import RATIOS, clip_job, read_format, read_words
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job

_NAME = "multi_image_to_video"


def _read(body: Body, shop: Shop) -> Job:
    closed = endpoint_retirement(_NAME, shop.retired)
    form = read_format(body, shop, _NAME, default_model="kling-v1-6", warnings=closed)
    sources: list[Source] = []
    for item in body.items("image_list", 1, 4):
        source = item.image("image", required=True)
        sources.extend([source] if source else [])
    # Required by the page of 2026, optional by that of 2025.
    prompt, negative = read_words(body)
    ratio = body.choice("aspect_ratio", RATIOS, "16:9")

    def paint(bench: Bench, path: Path) -> None:
        from kling_core.sandbox import render

        render.multi_image_video(
            path,
            images=[bench.image(source) for source in sources],
            prompt=prompt,
            size=render.video_size(ratio, form.mode, bench.quality),
            seconds=form.seconds,
            fps=bench.fps,
            cancelled=bench.cancelled,
        )

    return clip_job(_NAME, form, paint, (prompt, negative))


CONTRACT = Contract(_NAME, [Task("/v1/videos/multi-image2video", _read, info=False)])
