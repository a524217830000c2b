"""Kling AI from Python: typed requests, submission that never pays twice, verified downloads.

    from kling_core import Kling as Kling

    kling = Kling(sandbox=True)
    clip = kling.text_to_video.run(prompt="a paper boat in the rain").videos[0]
    print(clip.path)

Names are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kling_core import version

if TYPE_CHECKING:
    from kling_core.client import AsyncKling as AsyncKling
    from kling_core.client import Kling as Kling
    from kling_core.declare.endpoint import Check as Check
    from kling_core.declare.endpoint import Endpoint as Endpoint
    from kling_core.declare.endpoint import Request as Request
    from kling_core.declare.shared_fields import (
        CameraConfig as CameraConfig,
    )
    from kling_core.declare.shared_fields import (
        CameraControl as CameraControl,
    )
    from kling_core.declare.shared_fields import (
        DynamicMask as DynamicMask,
    )
    from kling_core.declare.shared_fields import (
        ElementRef as ElementRef,
    )
    from kling_core.declare.shared_fields import (
        Point as Point,
    )
    from kling_core.declare.shared_fields import (
        Shot as Shot,
    )
    from kling_core.declare.shared_fields import (
        VoiceRef as VoiceRef,
    )
    from kling_core.declare.shared_fields import (
        WatermarkInfo as WatermarkInfo,
    )
    from kling_core.errors import (
        AccountError as AccountError,
    )
    from kling_core.errors import (
        APIError as APIError,
    )
    from kling_core.errors import (
        AuthError as AuthError,
    )
    from kling_core.errors import (
        BudgetExceeded as BudgetExceeded,
    )
    from kling_core.errors import (
        ConcurrencyLimit as ConcurrencyLimit,
    )
    from kling_core.errors import (
        ConfigError as ConfigError,
    )
    from kling_core.errors import (
        ConnectionFailed as ConnectionFailed,
    )
    from kling_core.errors import (
        ContentPolicyError as ContentPolicyError,
    )
    from kling_core.errors import (
        DownloadError as DownloadError,
    )
    from kling_core.errors import (
        DuplicateExternalId as DuplicateExternalId,
    )
    from kling_core.errors import (
        Interrupted as Interrupted,
    )
    from kling_core.errors import (
        InvalidRequest as InvalidRequest,
    )
    from kling_core.errors import (
        KlingError as KlingError,
    )
    from kling_core.errors import (
        KlingWarning as KlingWarning,
    )
    from kling_core.errors import (
        LedgerError as LedgerError,
    )
    from kling_core.errors import (
        NotFound as NotFound,
    )
    from kling_core.errors import (
        PermissionDenied as PermissionDenied,
    )
    from kling_core.errors import (
        RateLimited as RateLimited,
    )
    from kling_core.errors import (
        RequestRefused as RequestRefused,
    )
    from kling_core.errors import (
        ServerError as ServerError,
    )
    from kling_core.errors import (
        SubmitOutcomeUnknown as SubmitOutcomeUnknown,
    )
    from kling_core.errors import (
        TaskFailed as TaskFailed,
    )
    from kling_core.errors import (
        TaskNotFound as TaskNotFound,
    )
    from kling_core.errors import (
        UnreadableAnswer as UnreadableAnswer,
    )
    from kling_core.errors import (
        Violation as Violation,
    )
    from kling_core.errors import (
        WaitTimeout as WaitTimeout,
    )
    from kling_core.errors import (
        WebhookRejected as WebhookRejected,
    )
    from kling_core.flows.task_state import Cost as Cost
    from kling_core.flows.task_state import Output as Output
    from kling_core.rules.price import Quote as Quote
    from kling_core.sandbox import Sandbox as Sandbox
    from kling_core.task import AsyncAudio as AsyncAudio
    from kling_core.task import AsyncImage as AsyncImage
    from kling_core.task import AsyncTask as AsyncTask
    from kling_core.task import AsyncVideo as AsyncVideo
    from kling_core.task import Audio as Audio
    from kling_core.task import Image as Image
    from kling_core.task import Task as Task
    from kling_core.task import Video as Video

__version__ = version.VERSION

_HOMES = {
    "kling_core.client": "AsyncKling Kling",
    "kling_core.rules.price": "Quote",
    "kling_core.declare.endpoint": "Check Endpoint Request",
    "kling_core.declare.shared_fields": (
        "CameraConfig CameraControl DynamicMask ElementRef Point Shot VoiceRef WatermarkInfo"
    ),
    "kling_core.errors": (
        "APIError AccountError AuthError BudgetExceeded ConcurrencyLimit ConfigError "
        "ConnectionFailed ContentPolicyError DownloadError DuplicateExternalId Interrupted "
        "InvalidRequest KlingError KlingWarning LedgerError NotFound PermissionDenied RateLimited "
        "RequestRefused ServerError SubmitOutcomeUnknown TaskFailed TaskNotFound UnreadableAnswer "
        "Violation WaitTimeout WebhookRejected"
    ),
    "kling_core.flows.task_state": "Cost Output",
    "kling_core.sandbox": "Sandbox",
    "kling_core.task": "AsyncAudio AsyncImage AsyncTask AsyncVideo Audio Image Task Video",
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
