"""`%kling` and `%%kling`: from what was typed to what is shown."""

from __future__ import annotations

from asyncio import CancelledError
from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, Enum, Union, observe

from kling_jupyter import completion
from kling_jupyter.display import Shell, has_pages, say
from kling_jupyter.errors import StoppedWaiting, translating
from kling_jupyter.parsing import input_transform
from kling_jupyter.workspace import Workspace

if TYPE_CHECKING:
    from kling_core.task import Task

__all__ = ["KlingMagics", "load", "unload"]


@magics_class
class KlingMagics(Magics):
    """Kling AI in the notebook; `%kling help` lists the commands."""

    shell: Shell

    def __init__(self, shell: Shell) -> None:
        self.workspace = Workspace(shell)
        super().__init__(shell, parent=shell)
        self.workspace.wait = self.wait
        shell.configurables.append(self)  # by this `%config KlingMagics` knows it

    wait: Any = Union(
        (Enum(("auto",)), Bool()),
        default_value="auto",
        help="whether a cell waits for its task: auto waits where no live card can be shown",
    ).tag(config=True)

    @observe("wait")
    def _wait_changed(self, change: Mapping[str, Any]) -> None:
        self.workspace.wait = change["new"]

    def begin_cell(self, *_: object) -> None:
        """Before a cell: forget what happened in the one before."""
        self.workspace.new_cell()

    def end_cell(self, result: Any) -> None:
        """After a cell: an interrupt anywhere in it keeps back what it has not sent yet."""
        error = getattr(result, "error_in_exec", None)
        if self.workspace.interrupted or isinstance(error, (KeyboardInterrupt, CancelledError)):
            self.workspace.interrupt()
            kept = sum(job.left_line for job in self.workspace.begun)
            if kept > isinstance(error, StoppedWaiting):  # the error tells of one of them
                requests = "1 request" if kept == 1 else f"{kept} requests"
                say(
                    f"Interrupted: {requests} of this cell stood in line and will not be sent; "
                    "nothing is paid for them. %kling resume --send sends them."
                )

    # Braces are ours to read: IPython would fill them in by rules of its own.
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def kling(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """Make videos and images with Kling AI; the result is a job, also in `_kling`.

        %kling                                        where you are connected, what to type next
        %kling connect --sandbox                      play without a key
        %kling text-to-video -d 5 a paper boat        the rest of the line is the prompt, verbatim
        %%kling image-to-video --image {photo}        the cell is the prompt
        %kling help [command]                         all commands, or one command's options
        """
        from kling_core.commands.arguments import HelpShown
        from kling_jupyter.commands import dispatch

        # Of a function that calls the magic, its own names come first.
        names = ChainMap(dict(local_ns or {}), self.shell.user_ns)
        try:
            with translating():
                return dispatch.run(self.workspace, line, cell, names)
        except HelpShown as asked:
            say(asked.text.replace("`kling models", "`%kling models"))
            return None

    def show(self, task: Task) -> None:
        """Show a task that is the value of a cell."""
        from kling_jupyter import display
        from kling_jupyter.html import task_figure

        saved = any(output.path is not None for output in task.outputs)
        words = [task.status, *task_figure.summary(task)]
        bundle = (
            task_figure.of_task(task, self.workspace.folder)
            if saved
            else task_figure.of_state(words)
        )
        display.show(self.shell, bundle)


def load(shell: Shell) -> None:
    """Register the magics; a second time changes nothing."""
    input_transform.install(shell)
    if shell.magics_manager.registry.get("KlingMagics") is None:
        magics = KlingMagics(shell)
        shell.register_magics(magics)
        completion.install(shell, magics.workspace)
        shell.events.register("pre_run_cell", magics.begin_cell)
        shell.events.register("post_run_cell", magics.end_cell)
        if has_pages(shell):  # a terminal shows the repr
            formatter = shell.display_formatter.ipython_display_formatter
            formatter.for_type_by_name("kling_core.task", "Task", magics.show)


def unload(shell: Shell) -> None:
    """Take the magics away."""
    input_transform.uninstall(shell)
    completion.uninstall(shell)
    manager = shell.magics_manager
    magics = manager.registry.pop("KlingMagics", None)
    if magics is not None:
        shell.events.unregister("pre_run_cell", magics.begin_cell)
        shell.events.unregister("post_run_cell", magics.end_cell)
        shell.configurables.remove(magics)
    for kind in ("line", "cell"):
        manager.magics[kind].pop("kling", None)
    formatter = shell.display_formatter.ipython_display_formatter
    # IPython keeps it by name, and by its class once one was shown.
    formatter.deferred_printers.pop(("kling_core.task", "Task"), None)
    for kind in [k for k in formatter.type_printers if k.__module__ == "kling_core.task"]:
        formatter.pop(kind)
