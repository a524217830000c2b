"""What can be done about something, as data: each front end says it in its own words.

A text of the library that advises a step holds an `Advice` in the place of its words. As a string
it reads as Python would be typed; `said` gives it as a front end spells it, by one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

__all__ = ["Advice", "Face", "Spelling", "Text", "said", "sentence"]

Face = Literal["python", "shell", "magic", "tools"]
"""Who reads it: a program, the command line, a notebook, an agent."""


class Spelling(NamedTuple):
    """How a step is written on each face.

    `{task}` is an id, `{endpoint}` a name as Python writes it and `{command}` as it is typed,
    `{about}` more words. Where the command line has the words of Python, or the notebook those of
    the command line after a percent sign, they are left out.
    """

    python: str
    shell: str = ""
    tools: str = ""
    magic: str = ""

    def on(self, face: Face) -> str:
        """The pattern of one face."""
        if face == "python":
            return self.python
        if face == "tools":
            return self.tools
        shell = self.shell or self.python
        if face == "shell":
            return shell
        return self.magic or shell.replace("kling ", "%kling ", 1)


_OWNER = (
    "The owner of this server set this limit: choose a shorter clip, or a cheaper mode or model"
)
_SET_OUTPUTS = "the owner of this server can set KLING_OUTPUT_DIR to another folder"
_KEYS = (
    "the environment, KLING_API_KEY or KLING_ACCESS_KEY with KLING_SECRET_KEY; or the same names "
    "in lower case, without KLING_, in {about}"
)

SPELLINGS: dict[str, Spelling] = {
    # Steps with a task.
    "wait": Spelling(
        "kling.tasks.get({task!r}).wait()", "kling wait {task}", "kling_wait_tasks with [{task!r}]"
    ),
    "again": Spelling(
        "Wait again: task.wait(), or later kling.{endpoint}.get({task!r}).wait().",
        "Collect it later: kling wait {task}",
        "Call kling_wait_tasks with [{task!r}].",
        "Get it with: %kling get {command} {task}",
    ),
    "again for the result": Spelling(
        "Wait again: the result usually comes some seconds after the success.",
        "Collect it later: kling wait {task}",
        "Call kling_wait_tasks with ['{task}']: the result usually comes some seconds after the "
        "success.",
        "Get it with: %kling get {command} {task}",
    ),
    "again by our id": Spelling(
        "Wait again: task.wait(), or later kling.tasks.get({task!r}).wait().",
        "Collect it later: kling wait {task}",
        "Call kling_wait_tasks with [{task!r}].",
        "Wait again: %kling wait {task}",
    ),
    "get": Spelling(
        "kling.{endpoint}.get({task!r})",
        "kling get {command} {task}",
        "kling_wait_tasks with [{task!r}]",
    ),
    "get by our id": Spelling(
        "kling.tasks.get({task!r})",
        "kling show {task}",
        "kling_wait_tasks with ['{task}']",
        "%kling get {task}",
    ),
    "give up": Spelling(
        "kling.tasks.give_up({task!r})", "kling give-up {task}", "by the owner of this server"
    ),
    # Steps with many.
    "list": Spelling(
        "kling.{endpoint}.list()",
        "kling list {command}",
        "kling_list_tasks",
        "kling list {command}",
    ),
    "tasks": Spelling("kling tasks", tools="kling_list_tasks"),
    "resume": Spelling(
        "kling.tasks.resume() (or `kling resume`)", "kling resume", "kling_recover_tasks"
    ),
    "resume from python": Spelling("kling.tasks.resume()", "kling resume", "kling_recover_tasks"),
    "resume by command": Spelling("kling resume", tools="kling_recover_tasks"),
    "send": Spelling(
        "kling.tasks.resume(send=True) (or `kling resume --send`)",
        "kling resume --send",
        "the same call again",
    ),
    "send it": Spelling(
        "kling.tasks.resume(send=True) (or `kling resume --send`) sends it",
        "kling resume --send sends it",
        "The same call again sends it",
    ),
    "send by command": Spelling("kling resume --send", tools="the same call again"),
    "call again": Spelling("call again, or `kling resume --send`", tools="call again"),
    "rescue": Spelling("`kling rescue`", tools="kling_recover_tasks"),
    "rescue by command": Spelling("kling rescue", tools="kling_recover_tasks"),
    "get by command": Spelling("kling get ENDPOINT TASK", tools="kling_list_tasks"),
    "show": Spelling("`kling show`", tools="kling_get_task"),
    "models": Spelling("`kling models`", tools="kling_models"),
    "models of": Spelling("kling models ENDPOINT", tools="kling_models"),
    "doctor": Spelling("`kling doctor`", tools="kling-mcp doctor"),
    # Limits and settings.
    "max_cost": Spelling("max_cost", "--max-cost", "max_cost"),
    "lift limits": Spelling(
        "To allow it, take away the limits: max_cost, KLING_MAX_COST, budget.",
        "To allow it, take away the limits: --max-cost, KLING_MAX_COST, --budget, KLING_BUDGET.",
        f"{_OWNER} whose price is known.",
        "To allow it, take away the limits: --max-cost, KLING_MAX_COST, KLING_BUDGET.",
    ),
    "raise max_cost": Spelling(
        "Raise max_cost, or {about}.", "Raise --max-cost, or {about}.", f"{_OWNER}."
    ),
    "raise budget": Spelling(
        "Raise budget (KLING_BUDGET)",
        "Raise --budget or KLING_BUDGET",
        _OWNER,
        "Raise KLING_BUDGET",
    ),
    "raise project_budget": Spelling(
        "Raise project_budget (KLING_PROJECT_BUDGET), or name another project.", tools=f"{_OWNER}."
    ),
    "raise max_tasks": Spelling(
        "Raise max_tasks (KLING_MAX_TASKS)",
        tools="The owner of this server set this limit: choose what matters most",
    ),
    "give a credential": Spelling(
        "Give one in any of three ways: Kling(api_key=…) or Kling(access_key=…, secret_key=…); "
        f"{_KEYS}. No key yet? Kling(sandbox=True) and KLING_SANDBOX=1 work without one.",
        f"Give one in one of two ways: {_KEYS}. "
        "No key yet? --sandbox and KLING_SANDBOX=1 work without one.",
        f"The owner of this server gives one: in {_KEYS}. "
        "No key yet? --sandbox and KLING_SANDBOX=1 work without one.",
    ),
    "name another place": Spelling(
        "Name another place: clip.download('elsewhere/').", tools=f"T{_SET_OUTPUTS[1:]}."
    ),
    "make room": Spelling(
        "Make room there, or name another place: clip.download('elsewhere/').",
        tools=f"Make room there, or {_SET_OUTPUTS}.",
    ),
    # Names and values.
    "endpoint": Spelling("{command}", tools="{endpoint}"),
    "a picture": Spelling(
        "a path, an http(s) URL, bytes, a PIL image or a numpy array",
        "a path or an http(s) URL",
        "an https URL, kling://tasks/{{id}}/outputs/{{n}}, a data: URI, or a file in an allowed "
        "folder",
        "a path, an http(s) URL, or {{name}} of bytes, a PIL image or a numpy array",
    ),
    # A command at the end of a line is typed as it stands: no full stop after it.
    "end": Spelling(".", " ", ".", " "),
}
"""Every step that the library advises, by its verb."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One step: its `verb` of the table, and what it is about."""

    verb: str
    task: str = ""
    endpoint: str = ""
    about: str = ""

    def on(self, face: Face) -> str:
        """The step in the words of a face."""
        return (
            SPELLINGS[self.verb]
            .on(face)
            .format(
                task=self.task,
                endpoint=self.endpoint,
                command=self.endpoint.replace("_", "-"),
                about=self.about,
            )
        )


class Text(str):
    """A text that advises: a string in Python's words, which keeps its `parts` for the others."""

    __slots__ = ("parts",)

    parts: tuple[str | Advice, ...]

    def __new__(cls, *parts: str | Advice) -> Self:
        """Put together; a part may be such a text itself."""
        flat = [one for part in parts for one in _parts(part)]
        made = super().__new__(cls, "".join(_spelled(flat, "python")))
        made.parts = tuple(flat)
        return made

    @classmethod
    def lines(cls, texts: Iterable[str]) -> Self:
        """Several, each in a line of its own."""
        return cls(*[part for text in texts for part in ("\n", text)][1:])

    def __reduce__(self) -> tuple[type[Self], tuple[str | Advice, ...]]:
        return type(self), self.parts

    def __add__(self, more: str) -> Text:
        return Text(self, more)


def said(text: str, face: Face) -> str:
    """A text in the words of a face; one that advises nothing is the same on all of them."""
    if not isinstance(text, Text):
        return text
    return "".join(_spelled(text.parts, face)).rstrip(" ")


def sentence(text: str) -> str:
    """The text with a full stop at its end."""
    if not isinstance(text, Text):
        text = text.strip()
    if not text or text[-1] in ".!?:":
        return text
    return Text(text, Advice("end") if isinstance(_parts(text)[-1], Advice) else ".")


def _parts(part: str | Advice) -> tuple[str | Advice, ...]:
    return part.parts if isinstance(part, Text) else (part,)


def _spelled(parts: Iterable[str | Advice], face: Face) -> Iterable[str]:
    return (part.on(face) if isinstance(part, Advice) else part for part in parts)
