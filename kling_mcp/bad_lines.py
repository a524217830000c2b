"""Lines that are no message: each is answered, and the server goes on.

The SDK drops them in silence, and a host that waits for an answer waits for ever. Half an emoji in
a text is such a line to its JSON reader, though a host may well send one: it is taken in with
U+FFFD in its place, so that whoever the text is for can say what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from kling_mcp.safety.redact import whole

if TYPE_CHECKING:
    from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream

__all__ = ["Messages"]


class Messages:
    """The messages of a transport's stream; what is none is answered by `write`."""

    def __init__(
        self,
        read: ContextReceiveStream[SessionMessage | Exception],
        write: ContextSendStream[SessionMessage],
    ) -> None:
        self._read = read
        self._write = write

    @property
    def last_context(self) -> Any:
        """Where the last message came from."""
        return self._read.last_context

    async def receive(self) -> SessionMessage | Exception:
        """The next message. Raises `anyio.EndOfStream` at the end."""
        while True:
            item = await self._read.receive()
            if not isinstance(item, ValidationError):
                return item
            if (mended := _mended(item)) is not None:
                return SessionMessage(mended)
            if (answer := _answer(item)) is not None:
                await self._write.send(SessionMessage(answer))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Close the stream."""
        await self._read.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()


def _line(error: ValidationError) -> str | None:
    """The line that is no JSON to the reader; None when it was JSON, but no message."""
    first = error.errors()[0]
    return str(first["input"]) if first["type"] == "json_invalid" else None


def _mended(error: ValidationError) -> JSONRPCMessage | None:
    """The message of a line with half a character in it, or a byte order mark before it."""
    line = _line(error)
    if line is None or not ("\\u" in line or line.startswith("\ufeff")):
        return None
    try:
        message = whole(json.loads(line.removeprefix("\ufeff")))
        return jsonrpc_message_adapter.validate_python(message, by_name=False)
    except (ValueError, RecursionError):
        return None


def _answer(error: ValidationError) -> JSONRPCError | None:
    """What to say of a line that is no message; None of an empty one."""
    line = _line(error)
    if line is not None:
        if not line.strip():
            return None
        said = ErrorData(code=PARSE_ERROR, message="Parse error: the line is no JSON")
        return JSONRPCError(jsonrpc="2.0", id=None, error=said)
    whole_ones = [
        one["input"] for one in error.errors() if one["type"] in ("missing", "model_type")
    ]
    sent = whole_ones[0] if whole_ones else None
    words = "a list: send one message a line" if isinstance(sent, list) else "no JSON-RPC message"
    asked = cast("Mapping[str, Any]", sent).get("id") if isinstance(sent, dict) else None
    return JSONRPCError(
        jsonrpc="2.0",
        id=asked if isinstance(asked, (int, str)) and not isinstance(asked, bool) else None,
        error=ErrorData(code=INVALID_REQUEST, message=f"Invalid request: it is {words}"),
    )
