"""Wire contract of text to video (Kling API reference, text to video)."""

from __future__ import annotations

from pathlib import Path

from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import (
    RATIOS,
    clip_job,
    read_format,
    read_move,
    read_shots,
    read_sound,
    read_strength,
    read_words,
)
from kling_core.sandbox.fields import Body
from kling_core.sandbox.jobs import Bench, Job

_NAME = "text_to_video"


def _read(body: Body, shop: Shop) -> Job:
    form = read_format(body, shop, _NAME, default_model="kling-v1")
    shots = read_shots(body, form)
    customized = bool(shots) and body.text("shot_type") == "customize"
    prompt, negative = read_words(body, required=not customized)
    read_strength(body)
    ratio = body.choice("aspect_ratio", RATIOS, "16:9")
    sound = read_sound(body, form)
    move = read_move(body)
    if move:
        form.need("camera_control", "camera_control")

    def paint(bench: Bench, path: Path) -> None:
        from kling_core.sandbox import render

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

    said = (prompt, negative, *(shot.prompt for shot in shots))
    return clip_job(_NAME, form, paint, said, sound="on" if sound else "off", voice=False)


CONTRACT = Contract(_NAME, [Task("/v1/videos/text2video", _read)])
