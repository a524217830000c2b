"""What hosts and models make of arguments, read as what they mean.

Hosts put names of their own beside the tool's, and some send everything as text: the model has not
written that and cannot correct it. Models fill in what is optional with nothing. So, before a
schema judges them:

sent                                        read as
a name of `HOSTS_OWN`, or that begins so _  left out
null, "", [], {}, "null" for the optional   left out
0 for the optional, where the least is 1    left out
"[…]", "{…}" for a list or an object        what the JSON says
one text, number or object for a list       a list of it
"5", "0.5", "true" for a number, a boolean  5, 0.5, true
5 for an id, which is a text                "5"

All else stays as it is, to be refused. A number or a text is never changed for another one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from kling_core.errors import Violation
from kling_mcp.safety.redact import HALVES, whole

if TYPE_CHECKING:
    from kling_mcp.schemas import Schema

__all__ = ["HOSTS_OWN", "damaged", "of_call", "read"]

HOSTS_OWN = frozenset(
    {
        *("toolCallId", "tool_call_id", "toolUseId", "tool_use_id", "tool_call_description"),
        *("sessionId", "session_id", "requestId", "request_id", "threadId", "thread_id"),
        *("conversationId", "conversation_id", "messageId", "message_id"),
        *("action", "chatInput", "random_string"),
    }
)
"""Arguments that hosts are known to add (n8n, SiYuan, Cursor and others); a tool's own comes first.
Names that begin with an underscore are theirs too."""

_NOTHING = ("null", "none", "undefined")
"""Words that programs write where there is nothing."""

_WHOLE = re.compile(r"-?\d{1,18}(\.0+)?")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][-+]?\d{1,3})?")
_ID = re.compile(r"(^|_)ids?$")


def of_call(sent: Any) -> Any:
    """The arguments of a call as an object: some write an empty one as [], or all of it as text."""
    if sent in ([], ""):
        return {}
    made = _json(sent) if isinstance(sent, str) else None
    return cast("Any", made) if isinstance(made, dict) else sent


def read(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the schema would have them, where that is what was meant."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required: list[str] = schema.get("required", [])
    found: dict[str, Any] = {}
    for name, sent in given.items():
        if name not in properties:
            if not (name in HOSTS_OWN or name.startswith("_")) or schema.get(
                "additionalProperties"
            ):
                found[name] = whole(sent)
            continue
        if name not in required and _nothing(properties[name], sent):
            continue
        value = _value(properties[name], whole(sent), name)
        if name in required or not _nothing(properties[name], value):
            found[name] = value
    return found


def damaged(given: Any, place: str = "") -> list[Violation]:
    """A violation for each text that lost a character on its way, such as half an emoji.

    It would be sent, and paid for, with a sign that nobody wrote.
    """
    if isinstance(given, str):
        if given.isascii() or not HALVES.search(given):
            return []
        said = "a character in it was damaged on its way (half of an emoji, or no UTF-8)"
        return [Violation(place or "arguments", said, "the text, sent again whole")]
    if isinstance(given, dict):
        entries = list(cast("dict[str, Any]", given).items())
    elif isinstance(given, list):
        entries = [(str(number), one) for number, one in enumerate(cast("list[Any]", given))]
    else:
        return []
    found: list[Violation] = []
    for name, value in entries:
        found += damaged(value, f"{place}.{name}".lstrip("."))
    return found


def _nothing(schema: Schema, value: Any) -> bool:
    """Whether a value says that there is none."""
    if isinstance(value, str):
        text = value.strip().lower()
        return not text or (text in _NOTHING and text not in schema.get("enum", ()))
    if isinstance(value, list):
        return all(entry is None or entry == "" for entry in cast("list[Any]", value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value == 0 < schema.get("minimum", 0)
    return value is None or value == {}


def _value(schema: Schema, value: Any, name: str) -> Any:
    kind: str = schema["type"]
    if isinstance(value, str):
        value = _from_text(schema, value)
    elif kind == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value) if _ID.search(name) else value
    if kind == "array":
        return _list(schema["items"], value, name)
    if kind == "object" and isinstance(value, dict):
        return read(schema, cast("dict[str, Any]", value))
    return value


def _list(items: Schema, value: Any, name: str) -> Any:
    if isinstance(value, (str, int, float, dict)) and not isinstance(value, bool):
        if isinstance(value, str) and value.lstrip().startswith("["):
            return value  # a list that is no JSON
        value = [value]
    if not isinstance(value, list):
        return value
    return [_value(items, entry, name) for entry in cast("list[Any]", value)]


def _from_text(schema: Schema, text: str) -> Any:
    """What a text stands for where none is asked for; the text itself where that is not clear."""
    kind: str = schema["type"]
    bare = text.strip()
    if kind in ("array", "object"):
        made = _json(bare) if bare[:1] in ("[", "{") else None
        fits = isinstance(made, (list, dict) if kind == "array" else dict)
        return cast("Any", made) if fits else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(bare.lower(), text)
    if kind == "integer":
        return int(bare.partition(".")[0]) if _WHOLE.fullmatch(bare) else text
    if kind == "number" and _NUMBER.fullmatch(bare):
        number = float(bare) if re.search(r"[.eE]", bare) else int(bare)
        return number if math.isfinite(number) else text
    return text


def _json(text: str) -> Any:
    try:
        return whole(json.loads(text))
    except (ValueError, RecursionError):
        return None
