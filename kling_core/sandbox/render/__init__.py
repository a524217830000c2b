"""The sandbox's renderer: real clips, stills and sounds that show what was asked for.

Every function writes one finished file to `path` (whole or not at all), gives the same bytes for
the same arguments, and takes `cancelled`, asked before each frame; once it answers true the
function raises `Cancelled`. Inputs that cannot be decoded raise `BadMedia`. Importing this package
loads numpy, Pillow and PyAV: do it where rendering begins.
"""

from __future__ import annotations

from kling_core.sandbox.render.brush import Mask
from kling_core.sandbox.render.effects import effect
from kling_core.sandbox.render.errors import BadMedia, Cancelled
from kling_core.sandbox.render.extend import extend, lip_sync
from kling_core.sandbox.render.images import image, try_on
from kling_core.sandbox.render.motion import Camera
from kling_core.sandbox.render.sizes import Quality, Size, image_size, size_like, video_size
from kling_core.sandbox.render.video import image_video, multi_image_video, text_video

__all__ = [
    "BadMedia",
    "Camera",
    "Cancelled",
    "Mask",
    "Quality",
    "Size",
    "effect",
    "extend",
    "image",
    "image_size",
    "image_video",
    "lip_sync",
    "multi_image_video",
    "size_like",
    "text_video",
    "try_on",
    "video_size",
]
