"""Judges mode, duration and features of a video request by the capability table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kling_core.errors import Violation
from kling_core.rules import capability_table
from kling_core.rules.capability_table import NO_MODE, Ask
from kling_core.rules.conditions import either, given, listed

_LABELS = {
    "start_end_frame": "an end frame",
    "end_frame_only": "an end frame without a start frame",
    "motion_brush": "the motion brush",
    "camera_control": "camera control",
    "camera_control_simple": "camera control",
    "multi_shot": "several shots",
    "element_control": "elements",
    "voice_control": "voices",
}


def judge(ask: Ask) -> Iterator[Violation]:
    """Every violation of the capability table."""
    yield from _mode(ask)
    yield from _duration(ask)
    yield from _features(ask)
    yield from _conflicts(ask)


def _mode(ask: Ask) -> Iterator[Violation]:
    name, asked, modes = (
        ask.model.name,
        ask.fields.get("mode"),
        list(ask.capability.modes),
    )
    source = ask.model.capability_source
    if asked is None or asked in modes:
        return
    if modes == [NO_MODE]:
        yield Violation("mode", f"{name} takes no mode", "no mode", source)
        return
    fitting = [mode for mode in modes if _fits(ask, mode, ask.duration)] or modes
    message = f"{name} has the modes {listed(modes)}; you asked for {asked}"
    yield Violation("mode", message, either(f"mode={mode}" for mode in fitting), source)


def _duration(ask: Ask) -> Iterator[Violation]:
    offered = ask.capability.durations(ask.mode)
    if ask.duration is None or ask.duration in offered or "duration" not in ask.fields:
        return
    fitting = [d for d in offered if _fits(ask, ask.mode, d)] or list(offered)
    if len(fitting) > 3:  # a list of fifteen says less than the nearest
        fitting = [min(fitting, key=lambda d: _distance(d, ask.duration or ""))]
    valid = either(f"duration={seconds}" for seconds in fitting)
    message = f"{ask.model.name} makes {_seconds(offered)} seconds; you asked for {ask.duration}"
    yield Violation("duration", message, valid, ask.model.capability_source)


def _features(ask: Ask) -> Iterator[Violation]:
    for feature, condition in ask.features.items():
        if _offered(ask, feature):
            continue
        used = [name for name in condition.names if given(name, ask.fields)]
        undo = condition.ways(ask.fields, hold=False)[-1]
        yield Violation(
            used[-1] if used else condition.names[0],
            _feature_message(ask, feature),
            capability_table.nearest(ask, [feature]) or undo,
            ask.model.capability_source,
        )


def _conflicts(ask: Ask) -> Iterator[Violation]:
    for pair in ask.capability.conflicts:
        if not set(pair) <= set(ask.features):
            continue
        names = [n for f in pair for n in ask.features[f].names if given(n, ask.fields)]
        undo = [ask.features[f].ways(ask.fields, hold=False)[-1] for f in pair]
        other = capability_table.nearest(ask, pair)
        yield Violation(
            names[-1],
            f"{ask.model.name} cannot combine {listed([_label(f) for f in pair])}",
            either([*undo, *([other] if other else [])]),
            ask.model.capability_source,
        )


def _feature_message(ask: Ask, feature: str) -> str:
    name, label = ask.model.name, _label(feature)
    at, asked = capability_table.where(ask, feature)
    if at:
        return f"{name} offers {label} only with {at}" + (f"; you asked for {asked}" * bool(asked))
    others = capability_table.having(ask.endpoint, feature)
    alive = [model.name for model in others if model.alive]
    if alive:
        return f"{name} does not offer {label}; {listed(alive)} can"
    gone = [model.name for model in others]
    rest = f"; {listed(gone)} could, and {'are' if len(gone) > 1 else 'is'} retired" if gone else ""
    return f"{name} does not offer {label}{rest}"


def _offered(ask: Ask, feature: str) -> bool:
    """Whether a feature is there; a duration that no mode has is reported on its own."""
    known = ask.duration in ask.capability.durations(ask.mode)
    return capability_table.offered(ask, feature, ask.mode, ask.duration if known else None)


def _fits(ask: Ask, mode: str | None, duration: str | None) -> bool:
    return all(capability_table.offered(ask, feature, mode, duration) for feature in ask.features)


def _label(feature: str) -> str:
    return _LABELS.get(feature, feature)


def _distance(duration: str, asked: str) -> float:
    try:
        return abs(int(duration) - float(asked))
    except ValueError:
        return 0


def _seconds(durations: Sequence[str]) -> str:
    numbers = [int(d) for d in durations]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return listed(durations, "or")
