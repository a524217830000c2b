"""What the magics of one notebook share: the client, the folder, the last task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_jupyter.display import Shell

if TYPE_CHECKING:
    from kling_core.client import Kling
    from kling_core.task import Task

__all__ = ["Studio"]


class Studio:
    """The state behind `%kling`.

    `folder` is the notebook's, remembered when the extension is loaded, for notebooks change
    their working directory. `last` is the task of the last command, also in `_kling`.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.folder = Path.cwd()
        self.last: Task | None = None
        self.just_shown: Task | None = None
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
        return self.folder / self.client.session.settings.output_dir

    def keep(self, task: Task, name: str | None) -> None:
        """Remember the task: in `_kling`, and in the variable `name` if there is one."""
        self.last = task
        namespace: dict[str, Any] = self.shell.user_ns
        namespace["_kling"] = task
        if name:
            namespace[name] = task

    def described(self) -> str:
        """Where requests go and with which credential, never the secret. Raises `ConfigError`."""
        client = self.client
        if client.sandbox is not None:
            return "Sandbox: plays on this computer, needs no key, costs nothing."
        source = client.session.settings.source
        return f"Kling at {client.base_url}, {source}. Tasks cost money."
