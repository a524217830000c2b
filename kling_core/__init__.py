"""Kling AI from Python: typed requests, submission that never pays twice, verified downloads.

    from kling_core import Kling

    kling = Kling(sandbox=True)
    clip = kling.text_to_video.run(prompt="a paper boat in the rain").videos[0]
    print(clip.path)

Names are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kling_core.version import VERSION as __version__

if TYPE_CHECKING:
    from kling_core.catalog.pricing import Quote
    from kling_core.client import AsyncKling, Kling
    from kling_core.endpoints.base import Check, Endpoint, Request
    from kling_core.endpoints.parts import (
        CameraConfig,
        CameraControl,
        DynamicMask,
        ElementRef,
        Point,
        Shot,
        VoiceRef,
        WatermarkInfo,
    )
    from kling_core.errors import (
        AccountError,
        APIError,
        AuthError,
        BudgetExceeded,
        ConcurrencyLimit,
        ConfigError,
        ConnectionFailed,
        ContentPolicyError,
        DownloadError,
        DuplicateExternalId,
        InvalidRequest,
        KlingError,
        KlingWarning,
        NotFound,
        PermissionDenied,
        RateLimited,
        RequestRefused,
        ServerError,
        SubmitOutcomeUnknown,
        TaskFailed,
        TaskNotFound,
        UnreadableAnswer,
        Violation,
        WaitTimeout,
    )
    from kling_core.outputs import (
        AsyncAudio,
        AsyncImage,
        AsyncVideo,
        Audio,
        Image,
        Output,
        Video,
    )
    from kling_core.sandbox import Sandbox
    from kling_core.task import AsyncTask, Cost, Task

_HOMES = {
    "kling_core.client": "AsyncKling Kling",
    "kling_core.catalog.pricing": "Quote",
    "kling_core.endpoints.base": "Check Endpoint Request",
    "kling_core.endpoints.parts": (
        "CameraConfig CameraControl DynamicMask ElementRef Point Shot VoiceRef WatermarkInfo"
    ),
    "kling_core.errors": (
        "APIError AccountError AuthError BudgetExceeded ConcurrencyLimit ConfigError "
        "ConnectionFailed ContentPolicyError DownloadError DuplicateExternalId InvalidRequest "
        "KlingError KlingWarning NotFound PermissionDenied RateLimited RequestRefused "
        "ServerError SubmitOutcomeUnknown TaskFailed TaskNotFound UnreadableAnswer Violation "
        "WaitTimeout"
    ),
    "kling_core.outputs": "AsyncAudio AsyncImage AsyncVideo Audio Image Output Video",
    "kling_core.sandbox": "Sandbox",
    "kling_core.task": "AsyncTask Cost Task",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [  # noqa: PLE0604, the names are those of the table above
    "__version__",
    *sorted(_HOME),
]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kling_core' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
