"""An IPython shell with the extension, for tests of the magics as somebody types them."""

from __future__ import annotations

import re
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kling_core import Kling
from kling_jupyter.errors import KlingMagicError


class Shell:
    """A shell of its own; `workspace` is the state behind its magics."""

    def __init__(self, kling: Kling) -> None:
        quiet = Config({"HistoryManager": {"enabled": False}})
        self.ip: Any = InteractiveShell(config=quiet)
        self.ip.run_line_magic("load_ext", "kling_jupyter")
        self.workspace = self.ip.magics_manager.registry["KlingMagics"].workspace
        self.workspace._client = kling

    def run(self, cell: str) -> Any:
        """The value of the cell. Raises what the cell raises."""
        outcome = self.ip.run_cell(cell)
        outcome.raise_error()
        return outcome.result

    def fails(self, cell: str) -> KlingMagicError:
        """The error with which the cell fails."""
        error = self.ip.run_cell(cell).error_in_exec
        assert isinstance(error, KlingMagicError), error
        return error

    def complains(self, cell: str) -> list[str]:
        """The lines with which the cell fails, without their colours."""
        lines = self.fails(cell)._render_traceback_()
        return [re.sub(r"\x1b\[\d+m", "", line) for line in lines]

    def __getitem__(self, name: str) -> Any:
        return self.ip.user_ns[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.ip.user_ns[name] = value

    def close(self) -> None:
        """Unload the extension."""
        self.ip.run_line_magic("unload_ext", "kling_jupyter")
