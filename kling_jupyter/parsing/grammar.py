"""What is typed after `%kling`: a command word, options, and the prompt, verbatim.

The prompt is a slice of the line, from the first word that is no option to the end. In a cell magic
it is the body, less its last line break and less the fields below a line `---` (see `cell_fields`).
Expressions in it are filled in (see `variables`), and what reads as something else than a prompt is
refused before it is paid for (see `prompts`); `--` before it, and `--raw`, send it as it stands.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kling_core.commands.arguments import (
    Parser,
    UsageProblem,
    build,
    consumes,
    fields,
    options,
    parse,
)
from kling_jupyter.parsing import cell_fields, prompts, quoting, variables
from kling_jupyter.settings import Settings

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint

__all__ = ["Generation", "change", "first_word", "flags", "generation", "parser"]


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
    prose = _free_text(endpoint)
    text = text if prose else quoting.uncommented(text)
    line = _options(shaped, text, stop=prose)
    typed, notes = list(line.typed), list[str]()
    rest = text[line.end :]
    in_cell = cell is not None and bool(cell.strip())
    if cell is not None and "--raw" not in typed:
        rest = quoting.uncommented(rest) if in_cell else rest
        body = cell_fields.split(cell, shaped)
        cell, notes = body.prompt, [*body.notes]
        typed += [word for line_ in body.below for word in _below(shaped, line_)]
    raw = "--raw" in typed
    given = typed if raw else _objects(typed, shaped, endpoint, names)
    namespace = parse(shaped, given)
    settings = _settings(namespace)
    found = fields(endpoint, namespace)
    prompt = _prompt(endpoint, rest, cell)
    if prompt is None:
        if not raw and endpoint.positional in found and prose:
            notes += _as_option(endpoint, shaped, typed, found, names)
        return Generation(found, settings, tuple(notes))
    if endpoint.positional in found:
        spelled = endpoint.positional.replace("_", "-")
        raise UsageProblem(
            f"the {spelled} is given twice: as --{spelled} and as {_brief(prompt)!r}",
            fix="Give it once.",
        )
    if not raw:
        settled = prompts.Prompt(prompt)
        if not line.meant:
            settled = prompts.read(prompt, shaped, "cell" if in_cell else "line")
            if line.path is not None and not in_cell:
                prompts.check_beginning(prompt, *line.path)
        prompt, more = _sent(settled, endpoint, names)
        notes += more
    found[endpoint.positional] = prompt
    return Generation(found, settings, tuple(notes))


def change(
    endpoint: Endpoint, field: str, value: str, names: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """One field of a recorded request as `--set` gives it: an object, or the text; and notes.

    Raises `UsageProblem`.
    """
    whole = variables.whole(value)
    if whole is not None:
        return _found(whole, names), []
    if field != endpoint.positional or not _free_text(endpoint):
        structured = f"--{field.replace('_', '-')}" in _structured(endpoint)
        return _filled(value, endpoint, names, structured=structured), []
    settled = prompts.read(value, parser(endpoint), "option")
    return _sent(settled, endpoint, names)


def parser(endpoint: Endpoint) -> Parser:
    """The parser of one endpoint's options, shared with the command line, and ours."""
    command = endpoint.command
    named = endpoint.positional.replace("_", " ")
    takes_words = bool(named) and not _free_text(endpoint)
    built = build(endpoint, prog=f"kling {command}", positional=takes_words, extra=_add_settings)
    built.prog = f"%kling {command}"
    built.once = True
    built.usage = f"%%kling {command} [options] {named}\n       %%%%kling {command} [options]"
    built.epilog = _epilog(endpoint)
    return built


def flags(build_options: Callable[[Parser], None], name: str, text: str) -> argparse.Namespace:
    """Read the options of a command that is no generation. Raises `UsageProblem`, `HelpShown`."""
    made = Parser(prog=f"%kling {name}", usage=f"%%kling {name} [options]")
    build_options(made)
    return parse(made, _options(made, quoting.uncommented(text), stop=False).typed)


# --- reading -------------------------------------------------------------------------------

_FIRST = re.compile(r"\s*(\S+)\s*")
_ASSIGNED = re.compile(r"(--?[^\W\d][\w-]*)=(\{.*\})", re.DOTALL)


class _Line(NamedTuple):
    """The words of the options, and where the first other word begins.

    `meant` says that a `--` ended them; `path` is the last option, when its value is a path.
    """

    typed: list[str]
    end: int
    meant: bool = False
    path: tuple[str, str] | None = None


def _options(shaped: Parser, text: str, *, stop: bool) -> _Line:
    """The options of a line; without `stop` all words are taken. Raises `UsageProblem`."""
    typed: list[str] = []
    path: tuple[str, str] | None = None
    place = quoting.begins(text, 0)
    while place < len(text):
        word = quoting.word_at(text, place)
        beyond = quoting.begins(text, word.end)
        if word.text == "--" and stop:
            return _Line(typed, beyond, meant=True)
        following = quoting.word_at(text, beyond) if beyond < len(text) else None
        told = following.text if following is not None else None
        # By what was typed: a word in quotes is no option.
        taken = consumes(shaped, word.text, told) if text[place] == "-" else 0
        if taken == 0 and stop:
            return _Line(typed, place, path=path)
        parts = [word] if taken != 2 or following is None else [word, following]
        for part in parts:
            if part.problem:
                raise UsageProblem(
                    part.problem,
                    fix='Put a value with blanks in straight quotes: --out "my clips".',
                )
        typed += [part.text for part in parts]
        path = _path_of(shaped, [part.text for part in parts])
        place = quoting.begins(text, parts[-1].end)
    return _Line(typed, len(text), path=path)


def _path_of(shaped: Parser, typed: Sequence[str]) -> tuple[str, str] | None:
    """The option and its value, when that is a file or a folder."""
    flag, _, value = typed[0].partition("=") if len(typed) == 1 else (typed[0], "", typed[1])
    action = shaped.actions().get(flag.replace("_", "-"))
    is_path = action is not None and action.metavar in ("FILE", "PLACE", "URL")
    return (flag, value) if is_path and value and not value.startswith("{") else None


def _below(shaped: Parser, line: str) -> list[str]:
    """The words of a line below the prompt of a cell, as if they stood in the first line."""
    entry = cell_fields.entry(line)
    if entry is None:
        return _options(shaped, line, stop=False).typed
    flag, value = cell_fields.flag(shaped, entry.name), _entire(entry.value)
    if value == entry.value and prompts.holds_comment(value):
        raise UsageProblem(
            f"{line!r} holds a comment, which would be part of the value",
            fix="Leave it out, or put the value in quotes.",
        )
    if shaped.actions()[flag].nargs != 0:
        return [f"{flag}={value}"] if value else [flag]
    if value.lower() in ("", "on", "true", "yes"):
        return [flag]
    if value.lower() in ("off", "false", "no"):
        opposite = flag.replace("--no-", "--") if flag.startswith("--no-") else f"--no-{flag[2:]}"
        return [opposite] if opposite in shaped.actions() else []
    raise UsageProblem(f"{entry.name}: {value} is neither on nor off", fix="Leave the line out.")


def _entire(value: str) -> str:
    """A value that has a line to itself, without quotes around all of it."""
    word = quoting.word_at(value, 0) if value[:1] in ("'", '"') else None
    return word.text if word is not None and word.end == len(value) else value


def _objects(
    typed: Sequence[str], shaped: Parser, endpoint: Endpoint, names: Mapping[str, Any]
) -> list[Any]:
    """The words with their expressions filled in; a whole `{variable}` becomes the object."""
    made: list[Any] = []
    flag = ""
    for word in typed:
        assigned = _ASSIGNED.fullmatch(word)
        flag, typed_value = (assigned[1], assigned[2]) if assigned else (flag, word)
        expression = variables.whole(typed_value)
        structured = flag in _structured(endpoint)
        value = (
            _filled(typed_value, endpoint, names, structured=structured)
            if expression is None
            else _found(expression, names)
        )
        if assigned:
            made += [f"{flag}={value}"] if isinstance(value, str) else [flag, value]
        elif isinstance(value, str) and value != word and made and flag in shaped.actions():
            made[-1] = f"{flag}={value}"  # what a variable holds is never an option itself
        else:
            made.append(value)
        flag = word
    return made


def _structured(endpoint: Endpoint) -> set[str]:
    """The options whose values are objects, which are written with braces."""
    return {s for o in options(endpoint) if o.kind == "structure" for s in o.spellings}


def _filled(
    text: str,
    endpoint: Endpoint,
    names: Mapping[str, Any],
    *,
    structured: bool = False,
    notes: list[str] | None = None,
) -> str:
    """The text with its expressions filled in; of JSON for a `structured` field, its texts.

    Raises `UsageProblem` for braces that cannot be filled in, and would go out as they stand.
    """
    try:
        if structured and text.startswith(("{", "[")):
            with suppress(ValueError, RecursionError):  # no JSON after all: a text in braces
                return json.dumps(_within(json.loads(text), names), ensure_ascii=False)
        return variables.interpolate(text, names, notes)
    except variables.NoText as error:
        media = [o.flag for o in options(endpoint) if o.kind == "media"]
        only = "only text, numbers and paths can be put into words"
        fix = f"Use --raw for braces that are text; {only}."
        if media:
            fix = f"Pass it with {media[0]} {error.braces}; {only}."
        raise UsageProblem(str(error), fix=fix) from None
    except variables.Missing as error:
        raise _missing(error) from None
    except variables.Unfilled as error:
        raise UsageProblem(
            str(error), fix="Leave the braces out, or use --raw to send them."
        ) from None


def _within(value: Any, names: Mapping[str, Any]) -> Any:
    """A value of JSON with the expressions in its texts filled in."""
    if isinstance(value, str):
        return variables.interpolate(value, names)
    if isinstance(value, list):
        return [_within(inner, names) for inner in cast("list[Any]", value)]
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        return {key: _within(inner, names) for key, inner in inside.items()}
    return value


def _found(expression: str, names: Mapping[str, Any]) -> Any:
    try:
        return variables.evaluate(expression, names)
    except variables.Missing as error:
        raise _missing(error) from None


def _missing(error: variables.Missing) -> UsageProblem:
    fix = "Run the cell that makes it first, or use --raw for text with braces."
    if error.near:
        fix = "Use --raw for text with braces."
    return UsageProblem(f"{error.braces}: {error}", fix=fix)


def _as_option(
    endpoint: Endpoint,
    shaped: Parser,
    typed: Sequence[str],
    found: dict[str, Any],
    names: Mapping[str, Any],
) -> list[str]:
    """Judge a prompt that was given as an option, as it was typed; notes on it."""
    name = endpoint.positional
    value = getattr(parse(shaped, typed), name)
    if variables.whole(value):
        return []
    found[name], notes = _sent(prompts.read(value, shaped, "option"), endpoint, names)
    return notes


def _sent(
    settled: prompts.Prompt, endpoint: Endpoint, names: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """The prompt as it is sent, and notes on what it is not word for word."""
    notes = [*settled.notes]
    if settled.of_file:
        return settled.text, notes
    return _filled(settled.text, endpoint, names, notes=notes), notes


def _prompt(endpoint: Endpoint, rest: str, cell: str | None) -> str | None:
    """The prompt; None when there is none, or when the endpoint's words are no free text."""
    # Every cell ends with a line break, which nobody typed for the prompt.
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
    return declared is not None and declared.prose


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
        "--raw", dest="set_raw", action="store_true", help="send the prompt exactly as typed"
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
            "option, word for word; {name} or {names[i]} in it is filled in, and --image {picture}",
            "passes the object. -- before it lets words like --this be part of it.",
        ]
    return "\n".join(lines)
