"""How errors read on the command line, and the exit codes they become."""

from __future__ import annotations

import re

from kling_core import errors
from kling_core.cli.arguments import UsageProblem, options

_WORDS = (
    (
        "any of three ways: Kling(api_key=…) or Kling(access_key=…, secret_key=…); ",
        "one of two ways: ",
    ),
    ("Kling(sandbox=True) and KLING_SANDBOX=1 work", "--sandbox and KLING_SANDBOX=1 work"),
    ("kling.tasks.resume() (or `kling resume`)", "kling resume"),
    ("Call it in a client without max_cost and budget to allow it.", "Run it without to allow it."),
    ("Raise budget (KLING_BUDGET)", "Raise --budget or KLING_BUDGET"),
    ("max_cost", "--max-cost"),
    ("`TaskNotFound`", "not found"),
    ("a path, an http(s) URL, bytes, a PIL image or a numpy array", "a path or an http(s) URL"),
)
"""Advice for Python, and what it is on a command line."""

REFUSED, USAGE, LOOK_FIRST, FAILED = 1, 2, 3, 4


_MISSING = re.compile(r"(\w+ is needed|is required)")


def exit_code(error: Exception) -> int:
    """The exit code of an error; see `kling_core.cli.main`."""
    if isinstance(error, UsageProblem) or type(error).__name__ == "UnknownEndpoint":
        return USAGE
    if isinstance(error, errors.TaskFailed):
        return FAILED
    paid = (errors.SubmitOutcomeUnknown, errors.WaitTimeout, errors.DownloadError)
    return LOOK_FIRST if isinstance(error, paid) else REFUSED


def lines(error: Exception) -> list[str]:
    """What to tell people: one line, and one more for each violation."""
    if isinstance(error, errors.InvalidRequest):
        return _violations(error)
    if isinstance(error, errors.KlingError):
        return [in_shell(_one_line(error))]
    kind = type(error).__name__
    return [f"{kind}: {error}  (KLING_DEBUG=1 shows where)"]


def in_shell(text: str) -> str:
    """Python calls in an advice, said as commands."""
    text = re.sub(r"kling\.(\w+)\.get\('([^']*)'\)(\.wait\(\))?", _get, text)
    text = re.sub(r"kling\.(\w+)\.list\(\)", lambda m: f"kling list {_hyphens(m[1])}", text)
    for python, shell in _WORDS:
        text = text.replace(python, shell)
    return text


def collect(task_id: str) -> str:
    """The command that waits for a task and downloads what it made."""
    return f"kling wait {task_id}"


def _one_line(error: errors.KlingError) -> str:
    task = getattr(error, "task", None)
    if isinstance(error, errors.WaitTimeout) and task is not None:
        head = errors.KlingError(error.message)
        return f"{head} Collect it later: {collect(task.task_id)}"
    text = str(error)
    cause = error.cause.strip()
    if cause and isinstance(error, errors.APIError | errors.TaskFailed):
        fix = error.fix.strip()
        text = text.removesuffix(fix).strip() + f" {cause} {fix}"
    return text.strip()


def _violations(error: errors.InvalidRequest) -> list[str]:
    from kling_core.endpoints import registry

    flags: dict[str, str] = {}
    words = ""
    if error.endpoint:
        endpoint = registry.get(error.endpoint)
        flags = {o.field: o.flag for o in options(endpoint)}
        words = endpoint.positional
    count = len(error.violations)
    lead = f"{count} problems" if count != 1 else "1 problem"
    place = f" in {_hyphens(error.endpoint)}" if error.endpoint else ""
    return [
        f"{lead}{place}, nothing was sent",
        *(f"  {_violation(violation, flags, words)}" for violation in error.violations),
    ]


def _violation(violation: errors.Violation, flags: dict[str, str], words: str) -> str:
    if violation.field == words and _MISSING.match(violation.message):
        return f"{words} is missing: write it after the endpoint, in quotes"
    field, dot, rest = violation.field.partition(".")
    shown = flags.get(field, f"--{field}") + dot + rest
    text = str(violation).removeprefix(f"{violation.field}: ")
    for name, flag in flags.items():
        text = re.sub(rf"\b{name}=(?=\S)", f"{flag} ", text)
    source = f"  [{violation.source}]" if violation.source else ""
    return in_shell(f"{shown}: {text}{source}")


def _get(found: re.Match[str]) -> str:
    wait = " --wait" if found[3] else ""
    return f"kling get {_hyphens(found[1])} {found[2]}{wait}"


def _hyphens(name: str) -> str:
    return name.replace("_", "-")
