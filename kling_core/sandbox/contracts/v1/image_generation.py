"""Wire contract of image generation (Kling API reference, image generation)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.sandbox.catalog import Row, model, retirement, units
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.contracts.v1._clips import PROMPT_LIMIT
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Job, Output, Quality
from kling_core.sandbox.refusals import invalid_value, wrong_value

if TYPE_CHECKING:
    from kling_core.sandbox.render import Size

_NAME = "image_generation"
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
_SECONDS = 24.0
_LONGEST_SIDE = 2048
_RESTYLE = "restyle_output_size_equals_input"
_PLAIN = frozenset({"image_to_image", "image_to_image_entire_image", _RESTYLE})
"""Features of models that take an image without being told what to refer to in it."""


def _read(body: Body, shop: Shop) -> Job:
    row = model(body.text("model_name") or "kling-v3", "image", _NAME)
    can: Row = row["endpoints"][_NAME]
    prompt = body.text("prompt", required=True, at_most=PROMPT_LIMIT)
    negative = body.text("negative_prompt", at_most=PROMPT_LIMIT)
    source = _read_reference(body, row["model_name"], can)
    if source and negative:
        raise wrong_value("negative_prompt is not supported when image is given")
    ratio, resolution = _read_size(body, row["model_name"], can, with_image=source is not None)
    count = body.whole("n", 1, 9, 1)

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        reference = bench.image(source) if source else None
        if reference and _RESTYLE in can["features"]:
            size = _same_size(reference)
        else:
            size = _usable(ratio, resolution, bench.quality)
        outputs: list[Output] = []
        for index in range(count):
            path = bench.path(".png")
            render.image(
                path,
                prompt=prompt,
                size=size,
                reference=reference,
                index=index,
                negative_prompt=negative,
                cancelled=bench.cancelled,
            )
            outputs.append(Output(path))
        return outputs

    price = units(
        _NAME,
        row["model_name"],
        None,
        0,
        image=source is not None,
        resolution=resolution,
    )
    return Job(
        model_name=row["model_name"],
        slots=count,
        nominal_seconds=_SECONDS,
        units=price * count,
        make=make,
        prompts=(prompt, negative),
        warnings=retirement(row, shop.retired),
    )


def _usable(ratio: str, resolution: str, quality: Quality) -> Size:
    """The size of the pictures: large enough, in test quality too, to be an input again."""
    from kling_core.sandbox import render
    from kling_core.sandbox.inputs import SHORTEST_SIDE

    single = render.image_size(ratio, "1k", quality)
    size = render.image_size(ratio, "2k", quality) if resolution == "2k" else single
    factor = -(-SHORTEST_SIDE // min(single.width, single.height))
    return render.Size(size.width * factor, size.height * factor)


def _same_size(reference: bytes) -> Size:
    from kling_core.sandbox import render
    from kling_core.sandbox.inputs import image_size

    width, height = image_size(reference)
    shrink = min(1.0, _LONGEST_SIDE / max(width, height))
    return render.Size(round(width * shrink), round(height * shrink))


def _read_reference(body: Body, model_name: str, can: Row) -> Source | None:
    """The fields that go with a reference image."""
    source = body.image("image")
    kind = body.text("image_reference")
    fidelity = body.has("human_fidelity")
    body.number("image_fidelity", 0, 1, 0.5)
    body.number("human_fidelity", 0, 1, 0.45)
    elements = body.items("element_list", 0, 10)
    for element in elements:
        element.whole("element_id", 1, 10**18)
    for field in can["unsupported_fields"]:
        # Known fields that a model does not read are ignored, as for cfg_scale on kling-v2.x.
        if field in ("image_reference", "element_list") and body.has(field):
            raise wrong_value(f"{field} is not supported by {model_name}")
    if kind and kind not in ("subject", "face"):
        raise invalid_value("image_reference", kind)
    if kind and not source:
        raise body.missing("image")
    if source and not kind and not _PLAIN.intersection(can["features"]):
        raise body.missing("image_reference")
    if fidelity and kind != "subject":
        raise wrong_value("human_fidelity needs image_reference subject")
    if len(elements) + bool(source) > 10:
        raise wrong_value("element_list and image exceed 10 in total")
    return source


def _read_size(body: Body, model_name: str, can: Row, *, with_image: bool) -> tuple[str, str]:
    ratio = body.choice("aspect_ratio", _RATIOS, "16:9")
    resolution = body.choice("resolution", ("1k", "2k"), "1k")
    if can["aspect_ratios"] and ratio not in can["aspect_ratios"]:
        raise wrong_value(f"aspect_ratio value '{ratio}' is invalid for {model_name}")
    kind = "image_to_image" if with_image else "text_to_image"
    if kind not in can["resolutions"]:
        raise body.missing("image")
    if can["resolutions"][kind] and resolution not in can["resolutions"][kind]:
        raise wrong_value(f"resolution value '{resolution}' is invalid for {model_name}")
    return ratio, resolution


CONTRACT = Contract(
    _NAME,
    [Task("/v1/images/generations", _read)],
    pool="image",
    pack="image",
    makes="image",
)
