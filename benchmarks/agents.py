"""From the start of `kling-mcp` to its list of tools, against a bare server of one tool.

Both are processes that speak over stdio; CPU time from the start to the end, and the most memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median

from tools import Plan, Row, _plain_environment, against

BARE = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("bare", log_level="WARNING")
@server.tool()
async def hello(name: str) -> str:
    "Say hello."
    return name
server.run()
"""
OURS = "import sys; from kling_mcp.main import main; sys.exit(main(['--sandbox']))"

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
MESSAGES = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
]


def start_to_tools(plan: Plan) -> list[Row]:
    """The ratio of CPU time, and the memory of both."""
    rounds = [(_listed(BARE), _listed(OURS)) for _ in range(1 + plan.times(12))][1:]
    pairs = [(bare[0], ours[0]) for bare, ours in rounds]
    bare, ours = (median(side[1] for side in sides) for sides in zip(*rounds, strict=True))
    return [
        against("kling-mcp to tools/list / one tool", 1.15, "ms", pairs),
        Row("kling-mcp: memory / one tool", ours, "MB", None, bare, ours / bare),
    ]


def _listed(code: str) -> tuple[float, float]:
    """CPU milliseconds and megabytes of a server that is asked for its tools, and then left."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_plain_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.writelines(json.dumps(message) + "\n" for message in MESSAGES)
    process.stdin.flush()
    while json.loads(process.stdout.readline()).get("id") != 2:
        pass
    process.stdin.close()
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    return 1000 * (usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 1024


if __name__ == "__main__":
    for row in start_to_tools(Plan(quick="--quick" in sys.argv)):
        print(f"{row.what}: {row.ours:.0f} {row.unit} / {row.baseline:.0f} = {row.ratio:.2f}")
