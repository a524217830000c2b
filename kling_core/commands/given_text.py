"""Texts that are not typed: `-` reads one from stdin, `@FILE` from a file; requests of them."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core import text_files
from kling_core.commands import arguments
from kling_core.commands.arguments import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from kling_core.declare.endpoint import Endpoint, Request

__all__ = ["EXPLAINED", "changed", "request_of", "text_of"]

EXPLAINED = """\
The words may be - (read what is piped in) or @FILE (read them from a file); -- before them means
every word as it stands."""
"""For the help of a command that takes them."""

_MOST = 1_000_000
"""Bytes; far more than any prompt has."""


def request_of(
    endpoint: Endpoint, namespace: argparse.Namespace, say: Callable[[str], object]
) -> Request:
    """The request that a command line describes, with the texts that it names.

    A prompt that is needed and not given is read from stdin when something is piped in, which
    `say` tells people. Raises `UsageProblem` for a text that cannot be read.
    """
    source = _Stdin()
    for name, declared in endpoint.request.params().items():
        value = getattr(namespace, name, None)
        typed = namespace.verbatim and name == endpoint.positional
        if declared.prose and isinstance(value, str) and not typed:
            setattr(namespace, name, text_of(value, source.read))
    request = endpoint.request(**arguments.fields(endpoint, namespace))
    if _lacks_words(request) and source.piped():
        say(f"reading the {endpoint.positional} from stdin")
        request = request.replace(**{endpoint.positional: source.read()})
    return request


def changed(endpoint: Endpoint, change: str) -> str:
    """A change `field=value` with the text that its value stands for."""
    name, equals, value = change.partition("=")
    declared = endpoint.request.params().get(name.strip().removeprefix("--").replace("-", "_"))
    is_text = declared is not None and declared.prose
    return f"{name}={text_of(value)}" if equals and is_text else change


def text_of(value: str, stdin: Callable[[], str] | None = None) -> str:
    """The text that a value stands for: that of `@FILE`, or of stdin for `-`; else itself.

    Names of elements begin with `@` too: with blanks behind, and no such file, it is a text.
    """
    if value.strip() == "-":
        return (stdin or _Stdin().read)()
    if not value.startswith("@") or len(value) < 2:
        return value
    path = Path(value[1:]).expanduser()
    try:
        return _filled(text_files.read(path), value[1:])
    except (OSError, ValueError) as error:
        if any(c.isspace() for c in value) and not _exists(path):
            return value
        reason = getattr(error, "strerror", None) or error
        raise UsageProblem(f"{value[1:]} cannot be read: {reason}") from error


class _Stdin:
    """What is piped in; it can be read once."""

    taken = False

    def piped(self) -> bool:
        """Whether a file or another program is there to be read, and no keyboard."""
        try:
            mode = os.fstat(sys.stdin.fileno()).st_mode
            keyboard = sys.stdin.isatty()
        except (OSError, ValueError, AttributeError):
            return False
        kinds = stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
        return kinds and not keyboard and not self.taken

    def read(self) -> str:
        if self.taken:
            raise UsageProblem("- can stand for one text only", fix="Use @FILE for the other.")
        if not self.piped():
            raise UsageProblem(
                "- reads the text that is piped in, and nothing is",
                fix="Write the text in quotes, @FILE, or - < FILE.",
            )
        self.taken = True
        data = sys.stdin.buffer.read(_MOST + 1)
        if len(data) > _MOST:
            raise UsageProblem(f"what is piped in is longer than {_MOST:,} bytes, so no text")
        try:
            return _filled(text_files.decode(data), "what is piped in")
        except ValueError as error:
            raise UsageProblem(
                f"what is piped in cannot be read: {error}",
                fix="In PowerShell: $OutputEncoding = [Text.UTF8Encoding]::new(); in cmd: chcp "
                "65001. Or use @FILE.",
            ) from error


def _filled(text: str, name: str) -> str:
    if not text.strip():
        raise UsageProblem(f"{name} is empty: there is no text in it")
    return text.strip()


def _lacks_words(request: Request) -> bool:
    """Whether the words of the endpoint are needed and were not given."""
    words = request.endpoint.positional
    declared = request.params().get(words)
    if declared is None or not declared.prose or words in request.given:
        return False
    return any(violation.field == words for violation in request.check().violations)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
