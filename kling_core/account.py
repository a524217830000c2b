"""The account: its resource packs, as Kling tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kling_core.flows import read

if TYPE_CHECKING:
    from datetime import datetime

    from kling_core.flows.runner import AsyncRunner, Runner


class Account:
    """The account of the blocking client."""

    def __init__(self, client: Runner[object]) -> None:
        self._client = client

    def costs(
        self, start: datetime, end: datetime, pack: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """The resource packs between two times, as Kling tells them; free of charge.

        `remaining_quantity` may lag by 12 hours; ask at most once a second
        (Kling API reference, account costs, 2026-03).
        """
        flow = read.costs(self._client.session, _ms(start), _ms(end), pack)
        return self._client.run_flow(flow)


class AsyncAccount:
    """The account of the awaiting client."""

    def __init__(self, client: AsyncRunner[object]) -> None:
        self._client = client

    async def costs(
        self, start: datetime, end: datetime, pack: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """The resource packs between two times, see `Account.costs`."""
        flow = read.costs(self._client.session, _ms(start), _ms(end), pack)
        return await self._client.run_flow(flow)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
