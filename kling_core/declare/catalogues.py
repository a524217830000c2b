"""Lists of names that fields choose from, each found by its own name, such as "voices/tts".

A field says `choices="voices/tts"`; what the list is called on command lines, what is in it, what
is special about its names, and which of them are of use today, is told here and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar

from kling_core.catalog import tables

__all__ = ["Catalogue", "Choice", "find", "known"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a field may have; `note` is what is special about it, empty for most.

    One that is not `live` is told of, and no longer offered.
    """

    value: str
    note: str = ""
    live: bool = True


class Catalogue(ABC):
    """A list of names that fields choose from.

    `word` stands for one of them on command lines, `key` for the list in what programs read. An
    `open` list may have more names at Kling than we know of; one that `assumes` has a name for
    those who give none.
    """

    word: ClassVar[str] = ""
    key: ClassVar[str] = ""
    open: ClassVar[bool] = True
    assumes: ClassVar[bool] = False

    @abstractmethod
    def choices(self, endpoint: str | None = None) -> tuple[Choice, ...]:
        """What is in it, best first: for an endpoint, or for all."""

    def usual(self, endpoint: str) -> str | None:  # noqa: ARG002, most lists assume none
        """The name that is taken where none is given; None for most lists."""
        return None


class Listed(Catalogue):
    """A list that people look through: one with a table of its own."""

    columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rows(self, *, retired: bool) -> list[tuple[str, ...]]:
        """A row for each name, with what `columns` tell of it; `retired` ones too when asked."""

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Everything that is known of each name, as plain data."""

    @abstractmethod
    def groups(self) -> Mapping[str, list[str]]:
        """The living names in few words for programs, by the key of their group."""


class Models(Catalogue):
    """The models of an endpoint; the living ones first."""

    word = "MODEL"
    key = "models"
    assumes = True

    def choices(self, endpoint: str | None = None) -> tuple[Choice, ...]:
        known = [
            Choice(m.name, "" if m.status == "active" else m.status, m.alive)
            for m in tables.models(endpoint)
        ]
        return tuple(sorted(known, key=lambda choice: not choice.live))

    def usual(self, endpoint: str) -> str | None:
        return tables.default_model(endpoint)


class Lengths(Catalogue):
    """The seconds that some model of an endpoint makes."""

    word = "SECONDS"
    key = "lengths"
    open = False

    def choices(self, endpoint: str | None = None) -> tuple[Choice, ...]:
        return _lengths(endpoint)


class Scenes(Listed):
    """The scenes of video effects."""

    word = "SCENE"
    key = "effect_scenes"
    columns = ("scene", "images", "status")

    def choices(self, endpoint: str | None = None) -> tuple[Choice, ...]:  # noqa: ARG002
        return tuple(
            Choice(s.name, "two images" if s.images == 2 else "")
            for s in tables.effects().values()
            if _today(s)
        )

    def rows(self, *, retired: bool) -> list[tuple[str, ...]]:
        known = sorted(tables.effects().values(), key=lambda s: (-s.images, s.name))
        return [
            (scene.name, str(scene.images), _end(scene) or "active")
            for scene in known
            if retired or _today(scene)
        ]

    def records(self) -> list[dict[str, Any]]:
        return [asdict(scene) for scene in tables.effects().values()]

    def groups(self) -> Mapping[str, list[str]]:
        known = [scene for scene in tables.effects().values() if _today(scene)]
        return {
            "scenes": [s.name for s in known if s.images == 1],
            "scenes_of_two_images": [s.name for s in known if s.images == 2],
        }


class Voices(Listed):
    """The voices that speak a text."""

    word = "VOICE"
    key = "voices"
    columns = ("voice", "languages", "name", "seen live")

    def choices(self, endpoint: str | None = None) -> tuple[Choice, ...]:  # noqa: ARG002
        return tuple(
            Choice(v.voice_id, ", ".join(filter(None, (v.name_en, " ".join(v.languages)))))
            for v in tables.voices().values()
        )

    def rows(self, *, retired: bool) -> list[tuple[str, ...]]:  # noqa: ARG002, none is known to be
        return [
            (v.voice_id, " ".join(v.languages), v.name_en or v.name_zh or "-", v.observed or "-")
            for v in tables.voices().values()
        ]

    def records(self) -> list[dict[str, Any]]:
        return [asdict(voice) for voice in tables.voices().values()]

    def groups(self) -> Mapping[str, list[str]]:
        return {
            "voices": [
                f"{v.voice_id} ({', '.join(v.languages)}: {v.name_en or v.name_zh or 'unnamed'})"
                for v in tables.voices().values()
            ]
        }


_CATALOGUES: Mapping[str, Catalogue] = {
    "models": Models(),
    "lengths": Lengths(),
    "effects/scenes": Scenes(),
    "voices/tts": Voices(),
}


def known() -> tuple[str, ...]:
    """The names of all lists."""
    return tuple(_CATALOGUES)


def find(name: str) -> Catalogue:
    """The list of that name. Raises `KeyError`."""
    return _CATALOGUES[name]


@cache
def _lengths(endpoint: str | None) -> tuple[Choice, ...]:
    living: dict[str, bool] = {}
    for model in tables.models(endpoint):
        for name, able in model.endpoints.items():
            if endpoint in (None, name):
                for seconds in able.durations():
                    living[seconds] = model.alive or living.get(seconds, False)
    return tuple(Choice(s, live=living[s]) for s in sorted(living, key=int))


def _today(scene: tables.EffectScene) -> bool:
    return not _end(scene)


def _end(scene: tables.EffectScene) -> str:
    """When a scene ended, in words; empty for one of today."""
    if scene.ended_on is not None:
        return f"ended on {scene.ended_on}"
    return "" if scene.listed else "no longer listed"
