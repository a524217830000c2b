"""Sound that can be heard and told apart: a scene's ambience, and something like speech."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import numpy.typing as npt

from kling_core.sandbox.render.encode import SOUND_RATE
from kling_core.sandbox.render.scenes import seed_of

__all__ = ["ambience", "at_level", "speech"]

Samples = npt.NDArray[np.float32]

_CHORDS = ((0, 7, 12, 16), (0, 7, 12, 15), (0, 5, 12, 17), (0, 4, 7, 14))
_SYLLABLES_A_SECOND = 4.6
# First three resonances in Hz of the vowels a, e, i, o, u as an adult speaks them.
_FORMANTS = {
    "a": (760, 1250, 2550),
    "e": (520, 1900, 2600),
    "i": (300, 2250, 3000),
    "o": (480, 900, 2450),
    "u": (330, 800, 2350),
}


def ambience(prompt: str, seconds: float) -> Samples:
    """A soft chord over wind, of exactly this length at 44.1 kHz, near -19 dBFS."""
    rng = random.Random(seed_of("sound", prompt))
    count = round(seconds * SOUND_RATE)
    at = np.arange(count, dtype=np.float32) / SOUND_RATE
    root = 110 * 2 ** (rng.randrange(12) / 12)
    chord = np.zeros(count, np.float32)
    for index, step in enumerate(rng.choice(_CHORDS)):
        tone = root * 2 ** (step / 12)
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * (0.13 + 0.05 * index) * at + rng.uniform(0, 6))
        chord += np.sin(2 * np.pi * tone * at).astype(np.float32) * swell / (1 + index)
    sound = chord + 1.6 * _wind(count, rng)
    sound *= np.minimum(1, np.minimum(at, at[::-1]) / 0.25)
    return at_level(sound.astype(np.float32), -19)


def speech(text: str, voice_id: str = "", speed: float = 1.0) -> Samples:
    """A voice-like sound at 44.1 kHz, near -18 dBFS, whose syllables follow `text`.

    Its length is the syllables' (about 4.6 a second, times `speed`) and the pauses' of the
    punctuation; its pitch (90 to 250 Hz) and colour follow `voice_id`.
    """
    rng = random.Random(seed_of("voice", voice_id))
    pitch = 90 * 2 ** rng.uniform(0, 1.47)
    tract = rng.uniform(0.92, 1.15)
    length = 1 / (_SYLLABLES_A_SECOND * max(0.1, speed))
    parts: list[Samples] = []
    beats = _beats(text) or ["a"]
    for index, beat in enumerate(beats):
        if beat == " ":
            parts.append(np.zeros(round(0.35 * length * SOUND_RATE), np.float32))
        elif beat == ".":
            parts.append(np.zeros(round(1.2 * length * SOUND_RATE), np.float32))
        else:
            fall = 1.08 - 0.16 * index / len(beats) + 0.05 * math.sin(index * 2.4)
            parts.append(_syllable(beat, pitch * fall, tract, length))
    return at_level(np.concatenate(parts), -18)


def at_level(samples: Samples, decibels: float) -> Samples:
    """The sound at this RMS level (dBFS), its peaks rounded off below full scale."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
    if rms == 0:
        return samples
    return np.tanh(samples * np.float32(10 ** (decibels / 20) / rms)).astype(np.float32)


def _wind(count: int, rng: random.Random) -> Samples:
    """Noise of which mostly the low half is left, swelling now and then."""
    step = 6
    noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(count // step + 2)
    kernel = np.hanning(9)
    low = np.convolve(noise, kernel / kernel.sum(), "same")
    at = np.arange(count) / step
    smooth = np.interp(at, np.arange(low.size), low)
    return (smooth * (0.6 + 0.4 * np.sin(at / 9000 + rng.uniform(0, 6)))).astype(np.float32)


def _beats(text: str) -> list[str]:
    """The text as vowels (one a syllable), spaces between words and stops."""
    beats: list[str] = []
    for token in re.findall(r"[a-zà-ÿ]+|[.,;:!?。，、！？；]|\d|[^\W\d_]", text.lower()):
        if re.fullmatch(r"[.,;:!?。，、！？；]", token):
            beats.append(".")
        elif re.match(r"[a-zà-ÿ]", token):
            groups = re.findall(r"[aeiouyà-ÿ]+", token) or ["e"]
            if len(groups) > 1 and token.endswith("e"):
                groups.pop()
            beats += [group[0] if group[0] in _FORMANTS else "i" for group in groups] + [" "]
        else:
            beats.append("aeiou"[ord(token) % 5])
    while beats and beats[-1] in " .":
        beats.pop()
    return beats


def _syllable(vowel: str, pitch: float, tract: float, seconds: float) -> Samples:
    """One vowel with a soft consonant before it: the pitch's overtones, shaped by resonances."""
    count = round(seconds * SOUND_RATE)
    at = np.linspace(0, 1, count, dtype=np.float32)
    glide = pitch * seconds * 2 * np.pi * (at - 0.05 * at * at)
    sound = np.zeros(count, np.float32)
    for overtone in range(1, int(3600 / pitch) + 1):
        strength = _resonance(overtone * pitch, vowel, tract) / overtone**0.5
        sound += np.float32(strength) * np.sin(np.float32(overtone) * glide)
    envelope = np.minimum(1, at / 0.12) * np.minimum(1, (1 - at) / 0.25)
    return (sound * envelope).astype(np.float32)


def _resonance(frequency: float, vowel: str, tract: float) -> float:
    widths = (90.0, 130.0, 180.0)
    heights = (1.0, 0.55, 0.28)
    return sum(
        height / (1 + ((frequency - centre * tract) / width) ** 2)
        for centre, width, height in zip(_FORMANTS[vowel], widths, heights, strict=True)
    )
