"""Pictures held as objects, in the eight bits that are sent: as they are seen, or refused.

Sixteen bits, floats and inks have no one way into eight bits: Pillow's own cuts all above 255 off,
so that a scan arrives white. What a value means is told by its type, or by the values themselves;
where both fail nothing is guessed, since the picture is paid for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Pixels = np.ndarray[Any, Any]

__all__ = ["NoPicture", "levels", "plain"]

_AS_IT_IS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_STRAIGHT = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
"""Modes with transparency, and those that hold the same without premultiplication or palette."""

_SURE = 16.0
"""Floats whose brightest is above are in 0 to 255; between 1 and this they may be either."""

_HOW = "uint8 (0 to 255), uint16 (0 to 65535), or floats in 0 to 1 or 0 to 255"


class NoPicture(ValueError):
    """What the values mean cannot be told; `valid` says how to tell it."""

    def __init__(self, message: str, valid: str = _HOW) -> None:
        super().__init__(message)
        self.message, self.valid = message, valid


def levels(array: Pixels, name: str = "array") -> Pixels:
    """The values in 0 to 255. Raises `NoPicture`."""
    import numpy as np

    kind = array.dtype.kind
    if kind == "b":
        return array.astype(np.uint8) * 255
    if kind == "f":
        return _of_floats(array, name)
    if kind not in "iu":
        raise NoPicture(f"an {name} of {array.dtype} is not a picture")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise NoPicture(f"the {array.dtype} {name} holds values from {low} to {high}")
    if high == 1:
        raise NoPicture(f"the {name} holds only 0 and 1, which is all black", "array.astype(bool)")
    if array.dtype.itemsize == 2 and kind == "u":
        return _of_sixteen(array, high, name)
    if high > 255:
        raise NoPicture(f"the {array.dtype} {name} holds values up to {high}")
    return array.astype(np.uint8)


def plain(image: Image) -> Image:
    """The image in a mode that PNG has and that is seen alike everywhere. Raises `NoPicture`."""
    if image.mode in _AS_IT_IS:
        return image
    if image.mode in _STRAIGHT:
        return image.convert(_STRAIGHT[image.mode])
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _of_wide(image)
    if image.mode in ("CMYK", "LAB"):
        return _of_inks(image)
    return image.convert("RGB")


def _of_floats(array: Pixels, name: str) -> Pixels:
    import numpy as np

    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NoPicture(f"the float {name} holds values that are no numbers")
    near = 1e-3  # what resampling and rounding leave beyond the ends
    if low >= -near and high <= 1 + near:
        return np.rint(array.clip(0, 1).astype(np.float32) * 255).astype(np.uint8)
    if low >= -0.5 and _SURE <= high <= 255.5:
        return np.rint(array.clip(0, 255)).astype(np.uint8)
    raise NoPicture(f"the float {name} holds values from {low:.6g} to {high:.6g}")


def _of_sixteen(array: Pixels, high: int, name: str) -> Pixels:
    import numpy as np

    if 0 < high <= 255:
        raise NoPicture(
            f"the {array.dtype} {name} holds at most {high} of 65535, which is all black",
            "array.astype('uint8') for values in 0 to 255",
        )
    # 65535 is 257 times 255; 128 rounds.
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _of_wide(image: Image) -> Image:
    """Grey of 16 or 32 bits, or floats; mode I is how a file of 16 bits is opened, too."""
    import numpy as np
    import PIL.Image

    pixels = np.asarray(image)
    if not pixels.size:
        raise NoPicture("the image is empty", "an image with pixels")
    if image.mode == "I" and pixels.min() >= 0 and 255 < pixels.max() <= 65535:
        pixels = pixels.astype(np.uint16)
    return PIL.Image.fromarray(levels(pixels, f"image of mode {image.mode}"))


def _of_inks(image: Image) -> Image:
    """Inks, and colours as the eye has them; by the profile of the image where it has one."""
    import io

    from PIL import ImageCms

    colours: Any = ImageCms
    profile = image.info.get("icc_profile")
    seen: Image | None = None
    if profile:
        try:
            source, target = io.BytesIO(profile), colours.createProfile("sRGB")
            seen = colours.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            seen = None  # a profile that is broken, or of another kind of image
    seen = seen or image.convert("RGB")
    seen.info.pop("icc_profile", None)  # it is that of the inks
    return seen
