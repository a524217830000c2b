"""The commands of `kling`: their names, what they do, and where they live."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """One command; its module has `run(argv, *, sandbox) -> int` and is imported when used."""

    name: str
    module: str
    usage: str
    summary: str

    def run(self, argv: list[str], *, sandbox: bool) -> int:
        """Run it; returns the exit code. Raises `KlingError` and `HelpShown`."""
        return import_module(f"kling_core.cli.{self.module}").run(argv, sandbox=sandbox)


COMMANDS = (
    Command("run", "run", "ENDPOINT [options] PROMPT", "make something: submit, wait, download"),
    Command("tasks", "tasks", "[WORDS]", "what the ledger knows, newest first"),
    Command("show", "showing", "ID", "everything about one task: request, cost, outputs, family"),
    Command("wait", "waiting", "ID...", "wait for tasks and download what they made"),
    Command("resume", "resuming", "", "take up everything that a crash or Ctrl-C left behind"),
    Command("give-up", "giving_up", "ID...", "let go of the slot of a task that hangs"),
    Command("rescue", "rescuing", "", "fetch every finished output that is not on disk"),
    Command("rerun", "rerunning", "ID [--set FIELD=VALUE]", "a recorded request again"),
    Command("costs", "costing", "", "what was spent, by day, project or model"),
    Command("export", "exporting", "[FILE]", "the whole ledger as CSV or JSON"),
    Command("callbacks", "callbacks", "", "receive Kling's callbacks, so that waiting ends sooner"),
    Command("get", "get", "ENDPOINT TASK", "look at a task at Kling; --wait and download"),
    Command("list", "listing", "ENDPOINT", "the tasks of the account at Kling"),
    Command("quote", "quoting", "ENDPOINT [options] PROMPT", "what it would cost; sends nothing"),
    Command("models", "models", "[ENDPOINT]", "models, effects and voices, and what they can do"),
    Command("account", "account", "", "resource packs and what is left of them"),
    Command("doctor", "doctor", "", "test settings, key, clock, network; costs nothing"),
    Command("explain", "explaining", "CODE", "what an error code of Kling means"),
    Command(
        "sandbox", "sandbox", "[options]", "a stand-in for Kling on this machine; no key, no cost"
    ),
)


def find(name: str) -> Command | None:
    """The command of this name."""
    return next((command for command in COMMANDS if command.name == name), None)
