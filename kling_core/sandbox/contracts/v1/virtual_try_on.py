"""Wire contract of virtual try-on (Kling API reference, virtual try-on)."""

from __future__ import annotations

from kling_core.sandbox.catalog import model, retirement, units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job, Output

_NAME = "virtual_try_on"
_SECONDS = 30.0


def _read(body: Body, shop: Shop) -> Job:
    row = model(body.text("model_name") or "kolors-virtual-try-on-v1", "try_on", _NAME)
    human = body.image("human_image", required=True)
    cloth = body.image("cloth_image", required=True)

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        path = bench.path(".png")
        render.try_on(
            path,
            human=bench.image(human or Source("human_image"), ratio=False),
            cloth=bench.image(cloth or Source("cloth_image"), ratio=False),
            cancelled=bench.cancelled,
        )
        return [Output(path)]

    return Job(
        model_name=row["model_name"],
        nominal_seconds=_SECONDS,
        units=units(_NAME, row["model_name"], None, 0),
        make=make,
        warnings=retirement(row, shop.retired),
    )


CONTRACT = Contract(
    _NAME,
    [Task("/v1/images/kolors-virtual-try-on", _read, watermark="", info=False)],
    pool="try_on",
    pack="image",
    makes="image",
)
