"""Which pictures, sounds and videos a call may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_core.endpoints.base import Endpoint
    from kling_core.errors import Violation
    from kling_mcp.tool import Call


async def admit(
    call: Call, endpoint: Endpoint, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Violation]]:
    """The arguments with media in their admitted form, and what was not admitted."""
    return dict(given), []


async def parent(call: Call, endpoint: Endpoint, given: Mapping[str, Any]) -> Any:
    """What is known of the source video."""
    return None
