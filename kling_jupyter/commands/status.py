"""`%kling` alone: where you are connected, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.errors import ConfigError
from kling_jupyter.display import say

if TYPE_CHECKING:
    from kling_jupyter.studio import Studio

__all__ = ["run"]


def run(studio: Studio) -> None:
    """Say it."""
    try:
        where = studio.described()
    except ConfigError as error:
        if "there is no Kling credential" not in error.message:
            raise
        say("Not connected: no Kling credential was found.")
        say(_WAYS)
        return
    say(where)
    if studio.last is not None:
        task = studio.last
        say(f"Last task: {task.task_id}, {task.endpoint.command}, {task.status} (in _kling)")
    say(_NEXT)


_WAYS = """\
  %kling connect --sandbox      plays on this computer: no key, no cost
  %kling connect                after KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY,
                                are set in the environment"""

_NEXT = """\
Type next:
  %kling text-to-video a paper boat in the rain
  %kling quote text-to-video -d 10 a paper boat in the rain
  %kling models text-to-video
  %kling help"""
