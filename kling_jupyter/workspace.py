"""What the magics of one notebook share: the client, the folder, the last task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kling_core.output_paths import anchored
from kling_jupyter.display import Shell, is_live, shell

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.declare.endpoint import Endpoint
    from kling_jupyter.settings import Settings

__all__ = ["FollowedJob", "Workspace", "current_workspace"]


class FollowedJob(Protocol):
    """What is asked of a job here, see `kling_jupyter.jobs.job.Job`."""

    endpoint: Endpoint

    @property
    def task_id(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def left_line(self) -> bool: ...

    def leave_line(self) -> None: ...


class Workspace:
    """The state behind `%kling`.

    `folder` is the notebook's, remembered when the extension is loaded, for notebooks change
    their working directory. `last` is the job of the last command, also in `_kling`; `just_shown`
    the one that the running cell has shown, so that its value need not be shown again. `jobs` are
    those at work, by the ids of their tasks; `begun` those of the cell that runs now, and
    `interrupted` tells that it was interrupted: then nothing more of it is sent. `wait` is the
    user's wish, see `waits`; `max_cost` the limit per call that `%kling connect` was given, in US
    dollars as it was typed.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.folder = Path.cwd()
        self.last: FollowedJob | None = None
        self.just_shown: object = None
        self.jobs: dict[str, FollowedJob] = {}
        self.begun: list[FollowedJob] = []
        self.interrupted = False
        self.wait: str | bool = "auto"
        self.max_cost: str | None = None
        self._client: Kling | None = None

    @property
    def client(self) -> Kling:
        """The client, made of the environment at first use. Raises `ConfigError`."""
        if self._client is None:
            self.connect()
        assert self._client is not None
        return self._client

    def connect(self, **settings: Any) -> None:
        """Use a new client from now on; tasks of the old one stay usable.

        Raises `ConfigError`, and then the old client stays.
        """
        from kling_core.client import Kling

        self._client = Kling(**settings)

    @property
    def output_dir(self) -> Path:
        """Where outputs go by default, below the notebook's folder unless set otherwise."""
        return anchored(self.folder, self.client.session.settings.output_dir)

    @property
    def live(self) -> bool:
        """Whether a card may show how things stand after its cell has ended."""
        return is_live(self.shell)

    def waits(self, settings: Settings) -> bool:
        """Whether a cell waits for its task: when it is told to, or when no card can show it."""
        if settings.wait is not None:
            return settings.wait
        if settings.timeout is not None:
            return True
        return self.wait if isinstance(self.wait, bool) else not self.live

    def new_cell(self) -> None:
        """A cell begins: nothing has been shown, begun or interrupted in it."""
        self.just_shown = None
        self.begun = []
        self.interrupted = False

    def interrupt(self) -> None:
        """The cell was interrupted: what it has not sent yet leaves the line.

        An `except Exception` of the user's loop may go on after it, so more is refused as well.
        """
        self.interrupted = True
        for job in self.begun:
            job.leave_line()

    def keep(self, job: FollowedJob, name: str | None) -> None:
        """Remember the job: in `_kling`, and in the variable `name` if there is one."""
        self.last = job
        namespace: dict[str, Any] = self.shell.user_ns
        namespace["_kling"] = job
        if name:
            namespace[name] = job

    def described(self) -> str:
        """Where requests go and with which credential, never the secret. Raises `ConfigError`."""
        client = self.client
        if client.sandbox is not None:
            return "Sandbox: plays on this computer, needs no key, costs nothing."
        source = client.session.settings.source
        return f"Kling at {client.base_url}, {source}. Tasks cost money."


class _NoShell:
    """As much of a shell as a workspace needs where there is none."""

    kernel = None
    display_pub = None

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.user_ns_hidden: dict[str, Any] = {}


def current_workspace() -> Workspace:
    """The workspace of `%kling` where the extension is loaded; else one of its own."""
    running = shell()
    if running is None:
        return Workspace(_NoShell())
    magics = running.magics_manager.registry.get("KlingMagics")
    return magics.workspace if magics is not None else Workspace(running)
