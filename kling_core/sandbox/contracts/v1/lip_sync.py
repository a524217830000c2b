"""Wire contract of lip-sync, first generation (Kling API reference, lip-sync)."""

from __future__ import annotations

from dataclasses import dataclass

from kling_core.sandbox.catalog import units, voice_languages
from kling_core.sandbox.contract import Contract, Shop, Task
from kling_core.sandbox.fields import Body, Source
from kling_core.sandbox.jobs import Bench, Clip, Job, Output
from kling_core.sandbox.refusals import TaskFailed, wrong_value

_NAME = "lip_sync"
_TEXT_LIMIT = 120
_SHORTEST, _LONGEST = 2.0, 60.0


@dataclass(frozen=True)
class _Speech:
    """What the mouth shall say: text with a voice, or a sound."""

    text: str = ""
    voice_id: str = ""
    voice_speed: float = 1.0
    audio: Source | None = None


def _read(body: Body, shop: Shop) -> Job:
    given = body.object("input")
    if given is None:
        raise body.missing("input")
    clip, source = _read_video(given, shop)
    mode = given.choice("mode", ("text2video", "audio2video"))
    speech = _read_text(given) if mode == "text2video" else _read_audio(given)
    for key in ("text", "voice_id", "voice_language", "voice_speed"):
        given.get(key)

    def make(bench: Bench) -> list[Output]:
        from kling_core.sandbox import render

        parent = clip or bench.video(source or Source("input.video_url"))
        if not _SHORTEST <= parent.seconds <= _LONGEST + 0.5:
            raise TaskFailed("Video duration is invalid")
        path = bench.path(".mp4")
        render.lip_sync(
            path,
            parent=parent.path,
            audio=bench.audio(speech.audio) if speech.audio else None,
            text=speech.text or None,
            voice_id=speech.voice_id,
            voice_speed=speech.voice_speed,
            cancelled=bench.cancelled,
        )
        return [Output(path, parent.seconds)]

    seconds = clip.seconds if clip else 5.0
    return Job(
        model_name=clip.model_name if clip else "",
        nominal_seconds=8.0 * seconds,
        units=units(_NAME, "", None, round(seconds)),
        make=make,
        prompts=(speech.text,),
        parent=clip,
    )


def _read_video(given: Body, shop: Shop) -> tuple[Clip | None, Source | None]:
    video_id = given.text("video_id")
    source = given.url("video_url")
    if bool(video_id) == bool(source):
        raise wrong_value("exactly one of input.video_id and input.video_url is required")
    if source:
        return None, source
    clip = shop.find_clip(video_id)
    if clip is None:
        raise wrong_value(f"From video not found by id: {video_id}")
    if not _SHORTEST <= clip.seconds <= _LONGEST:
        raise wrong_value(f"input.video_id value '{video_id}' is invalid, must be 2 to 60 s long")
    return clip, None


def _read_text(given: Body) -> _Speech:
    text = given.text("text", required=True, at_most=_TEXT_LIMIT)
    language = given.text("voice_language") or "zh"
    voice_id = given.text("voice_id")
    speed = round(given.number("voice_speed", 0.8, 2.0, 1.0), 1)
    # The live text for a request without voice_id, seen in 2026.
    if not voice_id or language not in ("zh", "en"):
        raise wrong_value("Voice language not found")
    if language not in voice_languages(voice_id):
        raise wrong_value("Voice id not found")
    return _Speech(text=text, voice_id=voice_id, voice_speed=speed)


def _read_audio(given: Body) -> _Speech:
    if given.choice("audio_type", ("file", "url")) == "file":
        audio = given.audio("audio_file", required=True)
        if audio and audio.url:
            raise wrong_value("input.audio_file is invalid, audio_type file takes base64")
    else:
        audio = given.url("audio_url", required=True)
    return _Speech(audio=audio)


CONTRACT = Contract(_NAME, [Task("/v1/videos/lip-sync", _read, own_id=False, watermark="")])
