"""Wire contract of multi-image to video (Kling API reference, multi-image to video)."""

from __future__ import annotations

from kling_core.sandbox.catalog import endpoint_retirement, units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import PROMPT_LIMIT, RATIOS, read_format
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job, Output, generation_seconds

_NAME = "multi_image_to_video"


def _read(body: Body, shop: Shop) -> Job:
    closed = endpoint_retirement(_NAME, shop.retired)
    form = read_format(body, shop, _NAME, default_model="kling-v1-6")
    sources: list[Source] = []
    for item in body.items("image_list", 1, 4):
        source = item.image("image", required=True)
        sources.extend([source] if source else [])
    # Required by the page of 2026, optional by that of 2025.
    prompt = body.text("prompt", at_most=PROMPT_LIMIT)
    negative = body.text("negative_prompt", at_most=PROMPT_LIMIT)
    ratio = body.choice("aspect_ratio", RATIOS, "16:9")

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        path = bench.path(".mp4")
        render.multi_image_video(
            path,
            images=[bench.image(source) for source in sources],
            prompt=prompt,
            size=render.video_size(ratio, form.mode, bench.quality),
            seconds=form.seconds,
            fps=bench.fps,
            cancelled=bench.cancelled,
        )
        return [Output(path, form.seconds)]

    return Job(
        model_name=form.model_name,
        mode=form.mode,
        nominal_seconds=generation_seconds(form.model_name, form.mode, form.seconds),
        units=units(_NAME, form.model_name, form.mode, form.seconds),
        make=make,
        prompts=(prompt, negative),
        warnings=[*closed, *form.warnings],
    )


CONTRACT = Contract(_NAME, [Task("/v1/videos/multi-image2video", _read, info=False)])
