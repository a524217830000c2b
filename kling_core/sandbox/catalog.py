"""What models, effects and voices exist and what they cost, read from the catalog's JSON files.

Only the data is shared with the client; the reading and the rules here are the sandbox's own.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from kling_core.sandbox.refusals import Refusal, invalid_value, wrong_value

Retired = Literal["warn", "refuse"]
Row = dict[str, Any]

NO_MODE: Final = "none"
"""Stands in the mode column of models that take no `mode`."""


@cache
def load(name: str) -> Row:
    """The content of `catalog/<name>.json`."""
    return json.loads((files("kling_core") / "catalog" / f"{name}.json").read_text("utf-8"))


def model(name: str, product: str, endpoint: str) -> Row:
    """The model's row for that product.

    Raises 1203 when there is no such model and 1201 when that endpoint does not take it.
    """
    rows = [row for row in load("models")["models"] if row["model_name"] == name]
    if not rows:
        raise Refusal(1203, f"model {name} does not exist")
    for row in rows:
        if row["product"] == product and endpoint in row["endpoints"]:
            return row
    raise invalid_value("model_name", name)


def retirement(row: Row, retired: Retired) -> list[str]:
    """Warnings for a model the live service has retired; refuses it when told to.

    The live HTTP status and code of that refusal are published nowhere; 404/1203 is the documented
    pair for a model that does not exist.
    """
    if row["status"] != "retired":
        return []
    name, successor = row["model_name"], row.get("successor")
    if retired == "refuse":
        raise Refusal(1203, f"model {name} has been discontinued and is no longer available")
    hint = f", use {successor}" if successor else ""
    return [f"model {name} is discontinued on the live service{hint}"]


def endpoint_retirement(endpoint: str, retired: Retired) -> list[str]:
    """Warnings for an endpoint the live service has closed; refuses it when told to."""
    row: Row = load("endpoints")["endpoints"].get(endpoint, {})
    if row.get("status") != "retired":
        return []
    if retired == "refuse":
        raise Refusal(1203, "This API is no longer available")
    return [f"{endpoint} is no longer available on the live service"]


def features(row: Row, endpoint: str, mode: str, seconds: int) -> frozenset[str]:
    """What a video model can do on that endpoint in that mode at that length.

    Raises 1201 naming `mode` or `duration` when the model does not make that. Models without modes
    ignore the field, as the capability map has no column for them.
    """
    modes: dict[str, dict[str, list[str]]] = row["endpoints"][endpoint]["modes"]
    durations = modes.get(NO_MODE) or modes.get(mode)
    if durations is None:
        raise wrong_value(f"mode value '{mode}' is invalid for {row['model_name']}")
    for span, able in durations.items():
        first, _, last = span.partition("-")
        if int(first) <= seconds <= int(last or first):
            return frozenset(able)
    raise wrong_value(
        f"duration value '{seconds}' is invalid for {row['model_name']} in mode {mode}"
    )


def units(
    endpoint: str, model_name: str, mode: str | None, seconds: int, **variant: object
) -> Decimal:
    """What one output costs in units of its pack, from the price table.

    `variant` tells sound, voice, image and resolution. Where the table has no row or no units
    (effects, try-on) the sandbox charges by its own estimate: effects as a 5 s clip of kling-v1-6
    in std mode, the rest as US dollars over the price of one image unit.
    """
    for row in load("prices")["rows"]:
        if _priced(row, endpoint, model_name, mode, seconds, variant):
            return _row_units(row, seconds)
    return Decimal(2)


def _priced(
    row: Row,
    endpoint: str,
    model_name: str,
    mode: str | None,
    seconds: int,
    variant: dict[str, object],
) -> bool:
    if endpoint not in row["endpoints"] or (row["models"] and model_name not in row["models"]):
        return False
    if row["mode"] not in (None, NO_MODE, mode):
        return False
    if row["per"].startswith("clip:") and row["per"] != f"clip:{seconds}":
        return False
    return all(_fits(variant.get(key), wanted) for key, wanted in row["when"].items())


def _fits(value: object, wanted: object) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted


def _row_units(row: Row, seconds: int) -> Decimal:
    if row["units"] is None:
        return Decimal(row["usd"]) / Decimal(load("prices")["units"]["image_unit"]["usd"])
    price = Decimal(row["units"])
    if row["per"] == "second":
        return price * seconds
    if row["per"] == "5s":
        return price * -(-seconds // 5)
    return price


def scene_images(scene: str, retired: Retired) -> tuple[int, list[str]]:
    """How many pictures an effect scene takes, and warnings when the scene has ended.

    Raises 1201 for a scene in no list, and for an ended or older one when retired ones are refused.
    """
    effects = load("effects")
    count = 0
    for group in (effects, effects["older"]):
        count = count or (1 if scene in group["single"] else 2 if scene in group["dual"] else 0)
    listed = scene in effects["single"] or scene in effects["dual"]
    if not count or (not listed and retired == "refuse"):
        raise invalid_value("effect_scene", scene)
    return count, [] if listed else [f"effect_scene {scene} is no longer in the live list"]


def voice_languages(voice_id: str) -> list[str]:
    """The languages a lip-sync voice speaks, empty when there is no such voice."""
    for row in load("voices")["voices"]:
        if row["voice_id"] == voice_id:
            return row["languages"]
    return []
