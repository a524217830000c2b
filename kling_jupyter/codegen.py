"""A request as code that makes it again: a `%kling` line or cell, and Python.

    magic(request)    %kling text-to-video --duration 10 a paper boat
    python(request)   Kling().text_to_video.run(prompt="a paper boat", duration=10)

Both give exactly the request that they were made of. Media that were given as data have no
spelling: `kling_jupyter.media_files` puts them into files first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from kling_core.commands.options import Option, options
from kling_core.declare.fields import Part
from kling_jupyter.parsing import cell_fields, grammar, prompts
from kling_jupyter.parsing.quoting import quoted as in_quotes

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.declare.fields import Param

__all__ = ["Variable", "magic", "python"]


class Variable:
    """A value that code names instead of spelling it out: `photo` or `clip.videos[0]`."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __repr__(self) -> str:
        return self.expression


def magic(request: Request) -> str:
    """What to type in a notebook cell: a line magic, or a cell magic for a long prompt.

    What neither can carry (a line break in an option, say) is put into a variable first.
    """
    typed = _Typed(request)
    raw = ["--raw"] if typed.raw else []
    head = " ".join(["kling", request.endpoint.command, *raw, *typed.words()])
    if typed.prompt and not typed.before and not _is_line(head, typed.prompt):
        last = "\n" if typed.prompt.endswith("\n") else ""  # a cell's own line break is dropped
        return f"%%{head}\n{typed.prompt}{last}"
    return "\n".join([*typed.before, f"%{head} {typed.prompt}".rstrip(" ")])


def python(request: Request, *, sandbox: bool = False) -> str:
    """Python that makes the request, waits, and downloads what comes."""
    given = [f"    {name}={_literal(_plain(v))},\n" for name, v in request.given.items()]
    return (
        "from kling_core import Kling\n\n"
        f"kling = Kling({'sandbox=True' if sandbox else ''})\n"
        f"task = kling.{request.endpoint.name}.run(\n{''.join(given)})"
    )


# --- the magic -----------------------------------------------------------------------------

_BRACED = re.compile(r"\{|\$[^\W\d]")
_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_READ = re.compile(
    rf"\A\s*--?[^\W\d]|^\s*(---|>>>|\.\.\.|In \[|Out\[|({cell_fields.RULE})\s*$)|\n[^\S\n]+\Z",
    re.MULTILINE,
)
"""Lines in a cell that mean something to the magic (options, the mark above fields, or nearly one)
or to IPython (pasted prompts), and blanks on a last line, which it drops."""
_PLAIN = re.compile(r"[\w./:=+~,;%&?][\w./:=+~,;%&?#@-]*")
_UNSPEAKABLE = "\n"
"""What stands for a word that cannot be typed: such a field goes into a variable."""
_LONGEST = 96
"""Longer lines become cells."""


class _Typed:
    """A request's fields as they are typed: options, prompt, and assignments before them.

    Text that a line would change goes into a variable. Braces that would be read as one stay
    braces by `--raw`, or, where variables are at work, go into one themselves.
    """

    def __init__(self, request: Request) -> None:
        self._known = {option.field: option for option in options(request.endpoint)}
        self._parser = grammar.parser(request.endpoint)
        self._positional = request.endpoint.positional
        self._params = request.params()
        fields = request.adopt(dict(request.given))
        self._fields = {k: v for k, v in fields.items() if k in self._known and not _blank(v)}
        self._roots = {re.split(r"\W", v.expression)[0] for v in _variables(self._fields)}
        self.before: list[str] = []
        self._words = {name: self._spelled(name) for name in self._fields}
        for name in [n for n, words in self._words.items() if any(map(_is_unfit, words))]:
            self._name(name)
        self.prompt = self._taken(request.endpoint.positional)
        self.raw = self._settle(request.endpoint.positional)

    def words(self) -> list[str]:
        """The options, each word quoted where that is needed."""
        return [word for words in self._words.values() for word in words]

    def _taken(self, name: str) -> str:
        """The prompt, which is no option then; empty when it has to be written as one."""
        declared, prompt = self._params.get(name), self._fields.get(name)
        if declared is None or not declared.prose or not isinstance(prompt, str):
            return ""
        if not prompt.strip() or _READ.search(prompt) or "\r" in prompt:
            return ""
        del self._words[name]
        self.before = [line for line in self.before if not line.startswith(f"{name} = ")]
        return prompt

    def _settle(self, positional: str) -> bool:
        """Keep braces what they are; True when `--raw` does it for all of them."""
        braced = [name for name, words in self._words.items() if self._is_braced(name, words)]
        if not self.before and not self._roots:
            return bool(braced or (self.prompt and not self._is_plain("line", "cell")))
        for name in braced:
            self._name(name)
        unfit = self.before and not _is_line("", self.prompt)
        if self.prompt and (unfit or not self._is_plain("line", "cell")):
            self.prompt = ""
            self._words[positional] = self._spelled(positional)
            words = self._words[positional]
            if any(map(_is_unfit, words)) or self._is_braced(positional, words):
                self._name(positional)
        return False

    def _is_plain(self, *places: prompts.Place) -> bool:
        """Whether the prompt is sent as it stands when it is typed in any of these places."""
        prompt = str(self._fields[self._positional])
        return all(prompts.is_plain(prompt, self._parser, place) for place in places)

    def _is_braced(self, name: str, words: list[str]) -> bool:
        """Whether the option, typed without --raw, would be something else, or refused."""
        ours = {f"{{{v}}}" for v in _variables(self._fields[name])} | {f"{{{name}}}"}
        typed = [word for word in words if word not in ours]
        prose = name == self._positional and self._params[name].prose
        if prose and len(typed) == len(words) and not self._is_plain("option"):
            return True
        structured = self._known[name].kind == "structure"
        return any(_holds_braces(word, structured=structured) for word in typed)

    def _name(self, name: str) -> None:
        """Put a field's value into a variable of its name."""
        # The request may itself name a variable so, which must stay.
        variable = f"{name}_" if name in self._roots else name
        self.before.append(f"{variable} = {_literal(_plain(self._fields[name]))}")
        self._words[name] = [_flag(self._known[name]), f"{{{variable}}}"]

    def _spelled(self, name: str) -> list[str]:
        option, declared = self._known[name], self._params[name]
        flag, value = _flag(option), _plain(self._fields[name])
        if option.kind == "switch" and isinstance(value, bool):
            value = "on" if value else "off"
        if option.kind == "flag":
            value = next((b for b in (True, False) if _means(declared, b, value)), value)
            if isinstance(value, bool):
                return [flag if value else option.negative]
        if not isinstance(value, list):
            return _word(flag, _short(declared, value))
        entries = [_unwrapped(entry) for entry in cast("list[Any]", value)]
        if any(isinstance(entry, (Mapping, list)) for entry in entries):
            return [flag, _json(cast("Any", value))]
        return [word for entry in entries for word in _word(flag, entry)]


def _is_line(head: str, prompt: str) -> bool:
    """Whether it goes behind the options on one line, unchanged and readable."""
    plain = prompt == prompt.strip() and not _BREAKS.search(prompt) and not prompt.endswith("\\")
    # A sign at its beginning may be an option, a quote, a comment or a file.
    return plain and prompt[:1].isalnum() and len(head) + len(prompt) < _LONGEST


def _holds_braces(word: str, *, structured: bool) -> bool:
    """Whether a word holds what is filled in; of JSON only the texts in it are."""
    if not structured or not word.startswith(("{", "[")):
        return _BRACED.search(word) is not None
    return any(_BRACED.search(text) for text in _texts(json.loads(word)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, Any]", value).values())
    if isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _is_unfit(word: str) -> bool:
    """Whether no line can hold this word."""
    return _BREAKS.search(word) is not None


def _flag(option: Option) -> str:
    """The shortest of its long spellings."""
    return min((s for s in option.spellings if s.startswith("--")), key=len)


def _word(flag: str, value: Any) -> list[str]:
    if isinstance(value, Variable):
        return [flag, f"{{{value}}}"]
    if isinstance(value, (Mapping, list)):
        return [flag, _json(value)]
    text = str(value)
    if _PLAIN.fullmatch(text):
        return [flag, text]
    quoted = in_quotes(text)
    if quoted is None:  # neither kind of quotes can hold it
        return [flag, _UNSPEAKABLE]
    # Apart it would be read as an option.
    return [f"{flag}={quoted}"] if text.startswith("-") else [flag, quoted]


def _short(declared: Param, value: Any) -> Any:
    """The short spelling of an object, such as `zoom=5`, where the declaration reads it so."""
    if declared.parse is None or not isinstance(value, dict):
        return value
    leaves = [(k, v) for k, v in _items(cast("dict[str, Any]", value)) if v]
    spellings = [*(f"{k}={v}" for k, v in leaves), *(str(v) for _, v in leaves)]
    return next((s for s in spellings if _means(declared, s, value)), cast("Any", value))


def _means(declared: Param, spelled: Any, value: Any) -> bool:
    """Whether the declaration reads both as the same."""
    if declared.parse is None:
        return spelled == value
    try:
        return declared.parse(spelled) == declared.parse(value)
    except ValueError:
        return False


def _items(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, inner in value.items():
        found += _items(cast("Any", inner)) if isinstance(inner, Mapping) else [(key, inner)]
    return found


def _unwrapped(entry: Any) -> Any:
    """The one word of an entry that has but one, as the option takes it; else the entry."""
    values: list[Any] = list(entry.values()) if isinstance(entry, dict) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if len(values) == 1:
        inner = values[0]
        if isinstance(inner, (str, int, Variable)) and not str(inner).startswith(("{", "[", "@")):
            return inner
    return cast("Any", entry)


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return json.dumps(value, default=str) if _BREAKS.search(text) else text


# --- values --------------------------------------------------------------------------------


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple)) and not value)


def _plain(value: Any) -> Any:
    """Parts as objects, sequences as lists, paths as text."""
    if isinstance(value, Part):
        return _plain(value.given)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("list[Any]", value)]
    return os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value


def _literal(value: Any) -> str:
    """A Python literal, its texts in double quotes where that needs no escaping."""
    if isinstance(value, dict):
        inner = (f"{_literal(k)}: {_literal(v)}" for k, v in cast("dict[Any, Any]", value).items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(v) for v in cast('list[Any]', value))}]"
    text = repr(value)
    if not isinstance(value, str) or '"' in text:
        return text
    inner = text[1:-1].replace("\\'", "'")
    return f'"{inner}"'


def _variables(value: Any) -> list[Variable]:
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, Any]", value).values())
    if isinstance(value, (list, tuple)):
        return [v for inner in cast("list[Any]", value) for v in _variables(inner)]
    return [value] if isinstance(value, Variable) else []
