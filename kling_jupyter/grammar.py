"""What is typed after `%kling`: a command word, options, and the prompt, verbatim.

The prompt is a slice of the line, from the first word that is no option to the end; nothing is
split, joined or unquoted. In a cell magic it is the body, less its last line break and less what
stands below a line `---` (see `trailer`). Quotes count only around an option's value, so an
apostrophe in a prompt is an apostrophe.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from kling_core.cli.arguments import (
    Parser,
    UsageProblem,
    build,
    consumes,
    fields,
    options,
    parse,
)
from kling_jupyter import trailer, variables

if TYPE_CHECKING:
    from kling_core.endpoints.base import Endpoint

__all__ = ["Generation", "Settings", "first_word", "flags", "generation", "parser"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run a generation: the options that are no fields of the request.

    `name` is the variable for the job, `out` the folder or file of the outputs, `wait` whether the
    cell waits, None to leave that to the front end; `timeout` in seconds, `max_cost` in US dollars
    as it was typed.
    """

    name: str | None = None
    out: str | None = None
    wait: bool | None = None
    dry_run: bool = False
    max_cost: str | None = None
    raw: bool = False
    timeout: float | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation as it was typed: request fields, settings, and notes for the reader."""

    fields: dict[str, Any]
    settings: Settings
    notes: tuple[str, ...]


def first_word(line: str) -> tuple[str, str]:
    """The first word, and what follows it, with the blanks between them left out."""
    found = _FIRST.match(line)
    return (found[1], line[found.end() :]) if found else ("", "")


def generation(
    endpoint: Endpoint, text: str, cell: str | None, names: Mapping[str, Any]
) -> Generation:
    """Read what follows the endpoint's name, and the cell's body if there is one.

    `names` are the notebook's variables. Raises `UsageProblem`, and `HelpShown` for --help.
    """
    shaped = parser(endpoint)
    typed, start = _options(shaped, text, stop=_free_text(endpoint))
    notes: list[str] = []
    if cell is not None and "--raw" not in typed:
        body = trailer.split(cell, shaped)
        cell, notes = body.prompt, [*body.notes]
        typed += [word for line in body.below for word in _below(shaped, line)]
    raw = "--raw" in typed
    given = typed if raw else [made for word in typed for made in _objects(word, endpoint, names)]
    namespace = parse(shaped, given)
    settings = _settings(namespace)
    found = fields(endpoint, namespace)
    prompt = _prompt(endpoint, text[start:], cell)
    if prompt is not None:
        if endpoint.positional in found:
            spelled = endpoint.positional.replace("_", "-")
            raise UsageProblem(
                f"the {spelled} is given twice: as --{spelled} and as {_brief(prompt)!r}",
                fix="Give it once.",
            )
        if cell is None:
            notes += _late_options(shaped, prompt)
        if not raw:
            prompt, problems = _filled(prompt, endpoint, names)
            notes += problems
        found[endpoint.positional] = prompt
    return Generation(found, settings, tuple(notes))


def parser(endpoint: Endpoint) -> Parser:
    """The parser of one endpoint's options, shared with the command line, and ours."""
    command = endpoint.command
    words = endpoint.positional.replace("_", " ")
    takes_words = bool(words) and not _free_text(endpoint)
    built = build(endpoint, prog=f"kling {command}", positional=takes_words, extra=_add_settings)
    built.prog = f"%kling {command}"
    built.once = True
    built.usage = f"%%kling {command} [options] {words}\n       %%%%kling {command} [options]"
    built.epilog = _epilog(endpoint)
    return built


def flags(build_options: Callable[[Parser], None], name: str, text: str) -> argparse.Namespace:
    """Read the options of a command that is no generation. Raises `UsageProblem`, `HelpShown`."""
    made = Parser(prog=f"%kling {name}", usage=f"%%kling {name} [options]")
    build_options(made)
    typed, _ = _options(made, text, stop=False)
    return parse(made, typed)


# --- reading -------------------------------------------------------------------------------

_VALUE = r""""(?:\\.|[^"\\])*"(?=\s|$)|'(?:\\.|[^'\\])*'(?=\s|$)|\{[^{}]*\}(?=\s|$)|\S*"""
_WORD = re.compile(rf"((?:--?)?[^\W\d][\w-]*=)?({_VALUE})", re.DOTALL)
_BLANK = re.compile(r"\s*")
_FIRST = re.compile(r"\s*(\S+)\s*")
_ASSIGNED = re.compile(r"(--?[^\W\d][\w-]*)=(\{.*\})", re.DOTALL)


def _options(shaped: Parser, text: str, *, stop: bool) -> tuple[list[str], int]:
    """The options' words, and where the first other word begins.

    Without `stop` all words are taken, and the end is the end of the text.
    """
    typed: list[str] = []
    place = _skip(text, 0)
    while place < len(text):
        word, after = _next(text, place)
        beyond = _skip(text, after)
        if word == "--" and stop:
            return typed, beyond
        following, end = _next(text, beyond) if beyond < len(text) else (None, beyond)
        taken = consumes(shaped, word, following) if text[place] == "-" else 0
        if taken == 0 and stop:
            return typed, place
        typed.append(word)
        if taken == 2 and following is not None:
            typed.append(following)
            beyond = _skip(text, end)
        place = beyond
    return typed, len(text)


def _below(shaped: Parser, line: str) -> list[str]:
    """The words of a line below the prompt of a cell, as if they stood in the first line."""
    entry = trailer.entry(line)
    if entry is None:
        return _options(shaped, line, stop=False)[0]
    flag, value = trailer.flag(shaped, entry.name), _unquoted(entry.value)
    if shaped.actions()[flag].nargs != 0:
        return [f"{flag}={value}"] if value else [flag]
    if value.lower() in ("", "on", "true", "yes"):
        return [flag]
    if value.lower() in ("off", "false", "no"):
        opposite = flag.replace("--no-", "--") if flag.startswith("--no-") else f"--no-{flag[2:]}"
        return [opposite] if opposite in shaped.actions() else []
    raise UsageProblem(f"{entry.name}: {value} is neither on nor off", fix="Leave the line out.")


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _next(text: str, place: int) -> tuple[str, int]:
    """The word at `place`, without the quotes around it, and where it ends."""
    if text[place] in "{[":
        try:
            _, end = json.JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place
        if end > place and (end == len(text) or text[end].isspace()):
            return text[place:end], end
    found = _WORD.match(text, place)
    assert found is not None
    return (found[1] or "") + _unquoted(found[2]), found.end()


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return re.sub(rf"\\([\\{text[0]}])", r"\1", text[1:-1])
    return text


def _objects(word: str, endpoint: Endpoint, names: Mapping[str, Any]) -> list[Any]:
    """The word with its variables filled in; a whole `{variable}` becomes the object itself."""
    assigned = _ASSIGNED.fullmatch(word)
    if assigned and variables.whole(assigned[2]):
        return [assigned[1], *_objects(assigned[2], endpoint, names)]
    expression = variables.whole(word)
    if expression is not None:
        return [_found(expression, names)]
    return [_filled(word, endpoint, names)[0]]


def _filled(text: str, endpoint: Endpoint, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text with its variables, and notes; refuses what would go out as a `repr`."""
    try:
        return variables.interpolate(text, names)
    except variables.NoText as error:
        media = [o.flag for o in options(endpoint) if o.kind == "media"]
        only = "only text, numbers and paths can be put into words"
        fix = f"Use --raw for braces that are text; {only}."
        if media:
            fix = f"Pass it with {media[0]} {{{error.expression}}}; {only}."
        raise UsageProblem(str(error), fix=fix) from None


def _found(expression: str, names: Mapping[str, Any]) -> Any:
    try:
        return variables.lookup(expression, names)
    except variables.Missing as error:
        raise UsageProblem(
            f"{{{expression}}}: {error}",
            fix="Run the cell that makes it first, or use --raw for text with braces.",
        ) from None


def _prompt(endpoint: Endpoint, rest: str, cell: str | None) -> str | None:
    """The prompt; None when there is none, or when the endpoint's words are no free text."""
    body = None if cell is None else cell.removesuffix("\n").removesuffix("\r")
    if not _free_text(endpoint):
        if body and body.strip():
            raise UsageProblem(
                f"%%kling {endpoint.command} takes no prompt, and the cell holds one",
                fix=f"Write %kling {endpoint.command} with one %, on a line of its own.",
            )
        return None
    if body is not None and body.strip():
        if rest.strip():
            raise UsageProblem(
                f"{_brief(rest)!r} stands after the options, and the cell holds the prompt",
                fix="Put the whole prompt below the first line.",
            )
        return body
    return rest if rest.strip() else None


def _free_text(endpoint: Endpoint) -> bool:
    """Whether the words of this endpoint are prose, which is taken verbatim."""
    declared = endpoint.request.params().get(endpoint.positional)
    return declared is not None and declared.unit == "characters"


def _late_options(shaped: Parser, prompt: str) -> list[str]:
    """A note on each option in the prompt, which was probably meant as one."""
    words = prompt.split()
    notes: list[str] = []
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else None
        try:
            taken = consumes(shaped, word, following)
        except UsageProblem:  # no option at all, or one without its value
            taken = int(word in shaped.actions())
        if taken:
            shown = " ".join(words[i : i + taken])
            notes.append(
                f"{shown} stands after the prompt began and is part of it; options go first"
            )
    return notes


def _brief(text: str) -> str:
    text = text.strip()
    return text if len(text) <= 40 else f"{text[:39]}…"


# --- our options ---------------------------------------------------------------------------


def _add_settings(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("notebook")
    group.add_argument(
        "--name",
        dest="set_name",
        type=variables.usable,
        metavar="VAR",
        help="variable for the job",
    )
    group.add_argument(
        "--out", dest="set_out", metavar="PLACE", help="folder or file [default kling_outputs]"
    )
    group.add_argument(
        "--wait",
        dest="set_wait",
        action="store_true",
        default=None,
        help="wait for the files, as in a notebook that nobody looks at",
    )
    group.add_argument("--no-wait", dest="set_wait", action="store_false", help="return at once")
    group.add_argument(
        "--timeout", dest="set_timeout", metavar="SECONDS", help="wait, but no longer than this"
    )
    group.add_argument(
        "--dry-run", dest="set_dry_run", action="store_true", help="show the request, send nothing"
    )
    group.add_argument(
        "--max-cost", dest="set_max_cost", metavar="USD", help="refuse anything dearer"
    )
    group.add_argument(
        "--project", dest="set_project", metavar="NAME", help="what it belongs to: folder, costs"
    )
    group.add_argument(
        "--raw", dest="set_raw", action="store_true", help="take {braces} as they are"
    )


def _settings(given: argparse.Namespace) -> Settings:
    return Settings(
        name=given.set_name,
        out=given.set_out,
        wait=given.set_wait,
        dry_run=given.set_dry_run,
        max_cost=given.set_max_cost,
        raw=given.set_raw,
        timeout=seconds(given.set_timeout),
        project=given.set_project,
    )


def seconds(text: str | None) -> float | None:
    """A time-out as it was typed. Raises `UsageProblem`."""
    if text is None:
        return None
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageProblem(f"--timeout {text} is not a number of seconds", fix="Write 300.")
    return value


def _epilog(endpoint: Endpoint) -> str:
    shown: list[str] = [f"%kling {endpoint.command}"]
    for name, value in endpoint.example.items():
        if name != endpoint.positional:
            several = cast("list[Any]", value) if isinstance(value, list) else [value]
            shown += [f"--{name.replace('_', '-')} {one}" for one in several]
    words = endpoint.example.get(endpoint.positional)
    lines = ["example:", "  " + " ".join([*shown, *([str(words)] if words else [])])]
    if _free_text(endpoint):
        lines += [
            "",
            f"The {endpoint.positional} is the rest of the line from the first word that is no",
            "option, verbatim; {name} in it is the variable of that name, and --image {picture}",
            "passes the object.",
        ]
    return "\n".join(lines)
