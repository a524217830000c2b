"""JavaScript modules of the widgets, called from Python through node."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.node import answering, exchange, node

WIDGETS = Path(__file__).parents[2] / "kling_jupyter" / "widgets"
SERVER = """
import { createInterface } from "node:readline";
const module = await import(process.argv[1]);
const read = (key, value) =>
  value?.u8 === undefined ? value : Uint8Array.from(Buffer.from(value.u8, "base64"));
const write = (key, value) =>
  value instanceof Uint8Array ? { u8: Buffer.from(value).toString("base64") } : value;
for await (const line of createInterface({ input: process.stdin })) {
  const [name, args] = JSON.parse(line, read);
  const result = module[name](...args);
  console.log(JSON.stringify({ result, args }, write));
}
"""


class Module:
    """A module whose functions can be called; bytes are typed arrays there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, name: str, *args: Any) -> tuple[Any, list[Any]]:
        """The function's result, and the arguments as it left them."""
        said = exchange(self._process, json.dumps([name, args], default=_written))
        answer = json.loads(said, object_hook=_read)
        return answer.get("result"), answer["args"]


@contextmanager
def module(name: str) -> Iterator[Module]:
    """The module of this file name, for as long as the block lasts."""
    options = ["--no-warnings", "--input-type=module", "--eval", SERVER, str(WIDGETS / name)]
    with answering([node(), *options]) as process:
        yield Module(process)


def _written(value: Any) -> Any:
    return {"u8": base64.b64encode(value).decode()}


def _read(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["u8"]) if "u8" in value else value
