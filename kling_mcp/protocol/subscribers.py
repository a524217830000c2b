"""Who wants to hear that a resource has changed, in both eras of the protocol."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp.server.session import ServerSession
from mcp.shared.subscriptions import ResourceUpdated
from mcp.types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import MCPServer
    from mcp.server.subscriptions import SubscriptionBus

__all__ = ["Subscribers"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Subscribers:
    """The listeners of `subscriptions/listen` on the bus, and older sessions by URI."""

    bus: SubscriptionBus
    sessions: dict[str, set[ServerSession]] = field(
        default_factory=lambda: defaultdict[str, set[ServerSession]](set)
    )

    async def changed(self, uri: str) -> None:
        """Tell everybody who asked for it."""
        await self.bus.publish(ResourceUpdated(uri=uri))
        for session in list(self.sessions.get(uri, ())):  # one may go while another is told
            try:
                await session.send_resource_updated(uri)
            except Exception:  # noqa: BLE001, a session that has ended is not told any more
                log.info("a subscriber of %s is gone", uri)
                self.sessions[uri].discard(session)

    def serve(self, server: MCPServer[Any]) -> None:
        """Serve `resources/subscribe`, until 2025-11-25; the SDK has no hook for it."""

        async def subscribe(
            request: ServerRequestContext[Any], params: SubscribeRequestParams
        ) -> EmptyResult:
            self.sessions[str(params.uri)].add(request.session)
            return EmptyResult()

        async def unsubscribe(
            request: ServerRequestContext[Any], params: UnsubscribeRequestParams
        ) -> EmptyResult:
            self.sessions[str(params.uri)].discard(request.session)
            return EmptyResult()

        low = server._lowlevel_server  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
        low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
