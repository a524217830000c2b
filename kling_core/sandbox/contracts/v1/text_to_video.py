"""Wire contract of text to video (Kling API reference, text to video)."""

from __future__ import annotations

from kling_core.sandbox.catalog import units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import (
    PROMPT_LIMIT,
    RATIOS,
    read_format,
    read_move,
    read_shots,
    read_sound,
)
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Job, Output, generation_seconds

_NAME = "text_to_video"


def _read(body: Body, shop: Shop) -> Job:
    form = read_format(body, shop, _NAME, default_model="kling-v1")
    shots = read_shots(body, form)
    customized = bool(shots) and body.text("shot_type") == "customize"
    prompt = body.text("prompt", required=not customized, at_most=PROMPT_LIMIT)
    negative = body.text("negative_prompt", at_most=PROMPT_LIMIT)
    body.number("cfg_scale", 0, 1, 0.5)
    ratio = body.choice("aspect_ratio", RATIOS, "16:9")
    sound = read_sound(body, form)
    move = read_move(body)
    if move:
        form.need("camera_control", "camera_control")

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        path = bench.path(".mp4")
        render.text_video(
            path,
            prompt=prompt or shots[0].prompt,
            size=render.video_size(ratio, form.mode, bench.quality),
            seconds=form.seconds,
            fps=bench.fps,
            negative_prompt=negative,
            sound=sound,
            camera=move.camera() if move else None,
            shots=[(shot.prompt, float(shot.seconds)) for shot in shots] or None,
            cancelled=bench.cancelled,
        )
        return [Output(path, form.seconds)]

    return Job(
        model_name=form.model_name,
        mode=form.mode,
        nominal_seconds=generation_seconds(form.model_name, form.mode, form.seconds),
        units=units(
            _NAME,
            form.model_name,
            form.mode,
            form.seconds,
            sound="on" if sound else "off",
            voice=False,
        ),
        make=make,
        prompts=(prompt, negative, *(shot.prompt for shot in shots)),
        warnings=form.warnings,
    )


CONTRACT = Contract(_NAME, [Task("/v1/videos/text2video", _read)])
