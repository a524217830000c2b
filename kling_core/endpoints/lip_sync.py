"""Lip-sync, first generation: `POST /v1/videos/lip-sync`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from kling_core.catalog import tables
from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param
from kling_core.rules.rules import Check, ExactlyOne, Given, Needed, Only
from kling_core.text import did_you_mean

if TYPE_CHECKING:
    from kling_core.media.inputs import Media

SOURCE = "Kling API reference, lip-sync (2025-06; seen live 2026-09)"


class LipSync(Request):
    """Make the person in a video speak a text or an audio file."""

    video_id: str | None = param(
        default=None,
        doc="Id of the video (not of its task), at most 30 days old.",
        wire="input.video_id",
        id_of="video",
        source=SOURCE,
    )
    video_url: shared_fields.MediaInput | None = param(
        default=None,
        doc="URL of a video: mp4 or mov, 720p or 1080p, 2 to 60 s, at most 100 MB.",
        wire="input.video_url",
        media="video",
    )
    text: str | None = param(
        default=None,
        doc="What is said.",
        wire="input.text",
        max_length=120,
        unit="characters",
        spoken=True,
    )
    voice_id: str | None = param(
        default=None,
        doc="Voice that speaks the text, see `kling models lip-sync`.",
        wire="input.voice_id",
        choices="voices/tts",
    )
    voice_language: Literal["zh", "en"] | None = param(
        rare=True,
        default=None,
        api_default="zh",
        doc="Language of the voice; taken from the voice when left out.",
        wire="input.voice_language",
    )
    voice_speed: float | None = param(
        rare=True,
        default=None,
        api_default=1.0,
        doc="Speed of speech, with one decimal.",
        wire="input.voice_speed",
        ge=0.8,
        le=2.0,
    )
    audio: shared_fields.MediaInput | None = param(
        default=None,
        doc="Sound to speak instead of a text: mp3, wav, m4a or aac, at most 5 MB, 2 to 60 s.",
        media="audio",
        short="a",
    )
    mode: Literal["text2video", "audio2video"] | None = param(
        rare=True,
        default=None,
        doc="Inferred from `text` or `audio` when left out.",
        wire="input.mode",
    )
    callback_url: str | None = shared_fields.callback_url_param()

    @classmethod
    def adopt(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Accept `audio_type`, `audio_file` and `audio_url` of the documented form."""
        given = super().adopt(given)
        for name in ("audio_file", "audio_url"):
            if given.get(name) and "audio" not in given:
                kind = name.removeprefix("audio_")
                said = given.get("audio_type")
                known = {name, "audio_type"} if said in (None, kind) else {name}
                rest = {k: v for k, v in given.items() if k not in known}
                given = {**rest, "audio": given[name]}
        return given

    @classmethod
    def warn(cls, fields: Mapping[str, Any]) -> list[str]:
        """Unknown voices, and those that a live host was seen to refuse."""
        voice_id = fields.get("voice_id")
        if not voice_id:
            return []
        voice = tables.voices().get(voice_id)
        if voice is None:
            hint = did_you_mean(voice_id, tables.voices(), 3)
            return [f"voice_id {voice_id!r} is not in the list of 2026-09{hint}"]
        refused = (voice.observed or "").startswith("refused")
        return [f"voice {voice_id} was seen {voice.observed}"] if refused else []

    @classmethod
    def settled(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Add the mode and the language of the voice; a speed counts in tenths."""
        settled = {**fields}
        settled.setdefault("mode", "audio2video" if fields.get("audio") else "text2video")
        if not fields.get("audio"):
            settled.setdefault("voice_language", _language(fields.get("voice_id", "")))
        return {name: _tenths(v) if name == "voice_speed" else v for name, v in settled.items()}

    @classmethod
    def wire_fields(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as they count and, by what the audio is, its type."""
        settled = cls.settled(fields)
        audio: Media | None = settled.pop("audio", None)
        if audio:
            kind = "url" if audio.is_url else "file"
            settled |= {"audio_type": kind, f"audio_{kind}": audio}
        return settled


def _tenths(speed: float) -> float:
    return round(speed, 1)


def _language(voice_id: str) -> str:
    voice = tables.voices().get(voice_id)
    return "en" if voice is None or "en" in voice.languages else voice.languages[0]


def _voice(fields: Mapping[str, Any]) -> shared_fields.Problems:
    voice, language = tables.voices().get(fields.get("voice_id", "")), fields.get("voice_language")
    if voice is None or language is None or language in voice.languages:
        return []
    spoken = " or ".join(voice.languages)
    message = f"voice {voice.voice_id} speaks {spoken}; you asked for {language}"
    return [("voice_language", message, f"voice_language={voice.languages[0]!r}")]


def _mode(fields: Mapping[str, Any]) -> shared_fields.Problems:
    mode, text, audio = fields.get("mode"), fields.get("text"), fields.get("audio")
    fits = "audio2video" if audio else "text2video"
    if mode is None or mode == fits or bool(text) == bool(audio):
        return []
    given = "audio" if audio else "text"
    return [("mode", f"{mode} does not go with {given}", f"mode={fits!r}, or leave mode out")]


def _speed(fields: Mapping[str, Any]) -> shared_fields.Problems:
    speed = fields.get("voice_speed")
    if speed is None or abs(_tenths(speed) - speed) < 1e-9:
        return []
    message = f"{speed:g} has more than one decimal; Kling would round it"
    return [("voice_speed", message, f"voice_speed={_tenths(speed):g}")]


ENDPOINT = Endpoint(
    name="lip_sync",
    call="task",
    routes={"v1": "/v1/videos/lip-sync"},
    request=LipSync,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source=SOURCE,
    advice="For speech in a clip that shows one face; for sound of the scene take "
    "sound in text_to_video.",
    external_task_id=False,
    positional="text",
    rules=(
        ExactlyOne("video_id", "video_url", source=SOURCE),
        ExactlyOne("text", "audio", source=SOURCE),
        Needed("voice_id", when=Given("text"), source=SOURCE),
        Only("voice_id", when=Given("text"), source=SOURCE),
        Only("voice_language", when=Given("text"), source=SOURCE),
        Only("voice_speed", when=Given("text"), source=SOURCE),
        Check(fields=("voice_id", "voice_language"), test=_voice, source=SOURCE),
        Check(fields=("mode", "text", "audio"), test=_mode, source=SOURCE),
        Check(fields=("voice_speed",), test=_speed, source=SOURCE),
    ),
    example={
        "video_id": "831922345719271433",
        "text": "Good morning!",
        "voice_id": "oversea_male1",
    },
)
