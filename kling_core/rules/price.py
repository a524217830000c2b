"""What a request will cost, by the dated price table; in Decimal throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any

from kling_core.catalog import tables
from kling_core.rules.conditions import Fields, given

_UNIT_WORDS = {"video_unit": "unit", "image_unit": "image unit"}


@dataclass(frozen=True, slots=True)
class Quote:
    """A price before it is charged.

    `units` are Kling's resource units (None where only a price in dollars is known), `usd` their
    list price, `as_of` and `source` the day and kind of the table, `basis` how it was reckoned.
    `at_most` says that it is the worst case, because what the price depends on is not known.
    """

    units: Decimal | None
    usd: Decimal | None
    as_of: date
    source: str
    basis: str
    at_most: bool = False

    def __str__(self) -> str:
        units = None if self.units is None else _counted(self.units, "unit")
        usd = None if self.usd is None else _dollars(self.usd)
        amount = f"{units} ({usd})" if units and usd else units or usd or "no amount"
        most = "at most " if self.at_most else ""
        return f"{most}{amount}, {self.source} of {self.as_of}"


@dataclass(frozen=True, slots=True)
class Price:
    """One row of the price table: `usd` (and `units`, where known) for each `per`."""

    endpoints: tuple[str, ...]
    models: tuple[str, ...]
    mode: str | None
    when: Mapping[str, Any]
    per: str
    unit: str
    units: Decimal | None
    usd: Decimal
    confidence: str
    as_of: date
    source: str


def unit_usd(pack: str) -> Decimal:
    """What a resource unit of a pack ("video", "image") is worth in US dollars."""
    return Decimal(tables.load("prices.json")["units"][f"{pack}_unit"]["usd"])


def quote(
    endpoint: str, fields: Fields, *, parent: Mapping[str, Any] | None = None
) -> Quote | None:
    """The price of a request with normalised `fields`, or None when none is known.

    `parent` may hold `model_name`, `mode` and `duration` of the source video: an extension is
    priced by its model and mode, a lip-sync by its length. Of a video that nobody knows the dearest
    is assumed.
    """
    variant = _variant(endpoint, fields, parent or {})
    found = _exact(endpoint, variant)
    return found if found is not None else _worst(endpoint, variant)


def free(source: str) -> Quote:
    """The price of what draws on no pack."""
    nothing = Decimal(0)
    return Quote(nothing, nothing, tables.as_of(), source, "it is free")


def why_unknown(endpoint: str, fields: Fields) -> str:
    """Why a request has no price, in a sentence."""
    rows = [price for price in prices() if endpoint in price.endpoints]
    if not rows:
        name = endpoint.replace("_", "-")
        return f"Kling prices each {name} by itself, and the price table holds none of them."
    model = fields.get("model_name")
    if not any(model in price.models for price in rows):
        known = sorted({model for price in rows for model in price.models})
        return f"The price table has no row for the model {model}; it has {', '.join(known)}."
    return f"The price table has {model}, but not with these settings."


def _by_source(endpoint: str) -> Mapping[str, Any] | None:
    """What is known of the videos that an endpoint is priced by; None where it is not."""
    return tables.load("prices.json")["by_source_video"].get(endpoint)


def _worst(endpoint: str, variant: Mapping[str, Any]) -> Quote | None:
    """The dearest that a request can be whose source video is not known; else None."""
    source = _by_source(endpoint)
    if source is None:
        return None
    longest = source["longest"]
    if longest is not None and (variant["seconds"] or 0) <= 0:
        found = _exact(endpoint, {**variant, "seconds": Decimal(longest)})
        basis = f"for a video of {longest} s, the longest"
    elif longest is None and variant["model_name"] is None:
        rows = [price for price in prices() if endpoint in price.endpoints]
        dearest = max(rows, key=lambda price: price.usd)
        known = {"model_name": dearest.models[0], "mode": dearest.mode}
        found = _exact(endpoint, {**variant, **known})
        basis = "for a video of the dearest model and mode"
    else:
        return None
    if found is None:
        return None
    return replace(found, at_most=True, basis=f"{found.basis}, {basis}; yours is not known here")


def _exact(endpoint: str, variant: Mapping[str, Any]) -> Quote | None:
    for price in prices():
        if endpoint in price.endpoints and _applies(price, variant):
            count = _count(price, variant)
            if count is not None:
                return _quote(price, count, variant)
    return None


@cache
def prices() -> tuple[Price, ...]:
    """All rows of the price table."""
    return tuple(_price(row) for row in tables.load("prices.json")["rows"])


def _price(row: dict[str, Any]) -> Price:
    return Price(
        endpoints=tuple(row["endpoints"]),
        models=tuple(row["models"]),
        mode=row["mode"],
        when=row["when"],
        per=row["per"],
        unit=row["unit"],
        units=None if row["units"] is None else Decimal(row["units"]),
        usd=Decimal(row["usd"]),
        confidence=row["confidence"],
        as_of=date.fromisoformat(row["as_of"]),
        source=row["source"],
    )


# --- the variant of a request --------------------------------------------------------------


def _variant(endpoint: str, fields: Fields, parent: Mapping[str, Any]) -> dict[str, Any]:
    """What the price depends on, with the service's defaults filled in."""
    inherits = _by_source(endpoint) is not None
    origin = parent if inherits else fields
    return {
        "model_name": origin.get("model_name"),
        "mode": origin.get("mode") or "std",
        "seconds": _number(origin.get("duration") or (None if inherits else "5")),
        "sound": fields.get("sound") or "off",
        "voice": _cites_voice(fields),
        "image": given("image", fields),
        "resolution": fields.get("resolution") or "1k",
        "n": _number(fields.get("n") or 1),
    }


def _cites_voice(fields: Fields) -> bool:
    """The voice rate applies when a voice is listed and the prompt cites it (price list)."""
    return given("voice_list", fields) and "<<<voice_" in str(fields.get("prompt", ""))


def _applies(price: Price, variant: Mapping[str, Any]) -> bool:
    return (
        (not price.models or variant["model_name"] in price.models)
        and price.mode in (None, "none", variant["mode"])
        and all(_matches(variant[name], wanted) for name, wanted in price.when.items())
    )


def _matches(value: object, wanted: object) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted


def _count(price: Price, variant: Mapping[str, Any]) -> Decimal | None:
    """How often the price is due; None when this row does not fit or the length is unknown."""
    seconds: Decimal | None = variant["seconds"]
    per, _, length = price.per.partition(":")
    if per == "image":
        return variant["n"] or Decimal(1)
    if per in ("extension", "call"):
        return Decimal(1)
    if seconds is None or seconds <= 0:
        return None
    if per == "clip":
        return Decimal(1) if seconds == Decimal(length) else None
    if per == "second":
        return seconds
    # Kling rounds lengths to whole seconds first, or a 5.04 s clip would cost twice.
    whole = int(seconds.quantize(Decimal(1), ROUND_HALF_UP))
    return Decimal(max(1, -(-whole // 5)))


# --- the quote -----------------------------------------------------------------------------


def _quote(price: Price, count: Decimal, variant: Mapping[str, Any]) -> Quote:
    return Quote(
        units=None if price.units is None else price.units * count,
        usd=price.usd * count,
        as_of=price.as_of,
        source=price.source,
        basis=_basis(price, count, variant),
    )


def _basis(price: Price, count: Decimal, variant: Mapping[str, Any]) -> str:
    """How the price was reckoned: "5 seconds of kling-v2-6 pro with sound at 1 unit each"."""
    per, _, length = price.per.partition(":")
    if per == "5s":
        parts = [f"{_counted(count, 'time')} 5 s"]
    else:
        parts = [_counted(count, per) + (f" of {length} s" if length else "")]
    if price.models:
        parts.append(f"of {variant['model_name']}")
    if price.mode not in (None, "none"):
        parts.append(str(price.mode))
    if variant["sound"] == "on":
        parts.append("with voices" if price.when.get("voice") else "with sound")
    if price.units is None:
        parts.append(f"at {_dollars(price.usd)} each")
    else:
        parts.append(f"at {_counted(price.units, _UNIT_WORDS[price.unit])} each")
    if price.confidence == "C":
        parts.append("(a single source)")
    return " ".join(parts)


def _number(value: object) -> Decimal | None:
    try:
        number = None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number is None or number.is_finite() else None


def _counted(number: Decimal, word: str) -> str:
    return f"{_plain(number)} {word}" + ("" if number == 1 else "s")


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _dollars(usd: Decimal) -> str:
    cents, fraction = f"{usd:f}".partition(".")[::2]
    return f"${cents}.{fraction.rstrip('0').ljust(2, '0')}"
