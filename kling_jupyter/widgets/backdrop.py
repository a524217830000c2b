"""The picture that is drawn upon: as it will be sent, and small enough to show."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kling_core.commands.arguments import UsageProblem
from kling_jupyter.widgets.masks import Size

if TYPE_CHECKING:
    from kling_core.media.inputs import Media

__all__ = ["Backdrop", "backdrop"]

_SIDE = 1280
"""The longest side that is shown, in pixels; drawing knows the true size."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A picture: what goes into the request, its size in pixels, and a JPEG to show.

    `value` is what was given, or its `Media`, which has read and examined the content already.
    """

    value: Any
    name: str
    size: Size
    preview: bytes

    def as_trait(self) -> dict[str, Any]:
        """What the front end needs to show it."""
        width, height = self.size
        return {"name": self.name, "width": width, "height": height, "preview": self.preview}


def backdrop(image: Any, *, field: str = "image") -> Backdrop:
    """The backdrop of a path, bytes, picture, array, or a previous output that was downloaded.

    Its size is as a viewer shows it, turned as its EXIF data ask. Raises `UsageProblem` when there
    are no pixels to draw on.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    from kling_core.media.inputs import Unreadable

    value, media = _source(image, field)
    try:
        with media.open() as stream, Image.open(stream) as opened:
            picture = ImageOps.exif_transpose(opened)
            size = picture.size  # before it is made small: points are in pixels of the true size
            picture.thumbnail((_SIDE, _SIDE))
            flat = _flat(picture)
    except Unreadable as error:
        raise UsageProblem(f"{field}: {error.violation.message}", fix=_FIX) from error
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UsageProblem(f"{field}: {media.name} is no picture", fix=_FIX) from error
    buffer = io.BytesIO()
    flat.save(buffer, "JPEG", quality=85, optimize=True)
    return Backdrop(value, media.name, size, buffer.getvalue())


_FIX = "Give a JPEG or PNG: a path, bytes, a PIL image, a numpy array, or a downloaded output."


def _source(image: Any, field: str) -> tuple[Any, Media]:
    """What to send, and the content that is here: of an earlier output its file."""
    from kling_core.flows.task_state import Output
    from kling_core.media.inputs import Unreadable, read
    from kling_jupyter.input_values import request_of
    from kling_jupyter.widgets.models_with_feature import endpoint_with

    image = request_of(endpoint_with(field), {field: image}).given.get(field)
    try:
        media = read(image, "image", field=field)
        if not isinstance(image, Output):
            if media.is_url:
                raise UsageProblem(
                    f"{field}: the pixels of a URL are not here to draw on",
                    fix="Download it, and give the file.",
                )
            return media, media
        if image.path is None:
            raise UsageProblem(
                f"{field}: this output is not downloaded", fix="Call its .download() first."
            )
        return image, read(image.path, "image", field=field)
    except Unreadable as error:
        violation = error.violation
        fix = f"Use {violation.valid}." if violation.valid else _FIX
        raise UsageProblem(f"{field}: {violation.message}", fix=fix) from error


def _flat(picture: Any) -> Any:
    """Without transparency: over white."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
