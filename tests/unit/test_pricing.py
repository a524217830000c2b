"""Prices against the published list, written out by hand, and money as Decimal throughout."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from kling_core.catalog import tables
from kling_core.rules.price import Quote, prices, quote, why_unknown

# model, mode, sound, voice cited, seconds, units, dollars
VIDEO = [
    ("kling-v3", "std", "off", False, "5", "3", "0.42"),
    ("kling-v3", "pro", "off", False, "5", "4", "0.56"),
    ("kling-v3", "4k", "off", False, "5", "15", "2.10"),
    ("kling-v3", "std", "on", False, "3", "2.7", "0.378"),
    ("kling-v3", "pro", "on", False, "15", "18", "2.52"),
    ("kling-v3", "4k", "on", False, "10", "30", "4.20"),
    ("kling-v2-6", "std", "off", False, "5", "1.5", "0.21"),
    ("kling-v2-6", "std", "off", False, "10", "3", "0.42"),
    ("kling-v2-6", "pro", "off", False, "5", "2.5", "0.35"),
    ("kling-v2-6", "pro", "off", False, "10", "5", "0.7"),
    ("kling-v2-6", "pro", "on", False, "5", "5", "0.7"),
    ("kling-v2-6", "pro", "on", False, "10", "10", "1.4"),
    ("kling-v2-6", "pro", "on", True, "5", "6", "0.84"),
    ("kling-v2-6", "pro", "on", True, "10", "12", "1.68"),
    ("kling-v2-5-turbo", "std", "off", False, "5", "1.5", "0.21"),
    ("kling-v2-5-turbo", "std", "off", False, "10", "3", "0.42"),
    ("kling-v2-5-turbo", "pro", "off", False, "5", "2.5", "0.35"),
    ("kling-v2-5-turbo", "pro", "off", False, "10", "5", "0.7"),
    ("kling-v2-1", "std", "off", False, "5", "2", "0.28"),
    ("kling-v2-1", "std", "off", False, "10", "4", "0.56"),
    ("kling-v2-1", "pro", "off", False, "5", "3.5", "0.49"),
    ("kling-v2-1", "pro", "off", False, "10", "7", "0.98"),
    ("kling-v2-1-master", None, "off", False, "5", "10", "1.4"),
    ("kling-v2-1-master", None, "off", False, "10", "20", "2.8"),
    ("kling-v2-master", None, "off", False, "5", "10", "1.4"),
    ("kling-v2-master", None, "off", False, "10", "20", "2.8"),
    ("kling-v1-6", "std", "off", False, "5", "2", "0.28"),
    ("kling-v1-6", "pro", "off", False, "10", "7", "0.98"),
    ("kling-v1-5", "std", "off", False, "10", "4", "0.56"),
    ("kling-v1-5", "pro", "off", False, "5", "3.5", "0.49"),
    ("kling-v1", "std", "off", False, "5", "1", "0.14"),
    ("kling-v1", "std", "off", False, "10", "2", "0.28"),
    ("kling-v1", "pro", "off", False, "5", "3.5", "0.49"),
    ("kling-v1", "pro", "off", False, "10", "7", "0.98"),
]

# model, image given, resolution, n, units, dollars
IMAGES = [
    ("kling-v3", False, "1k", 1, "8", "0.028"),
    ("kling-v3", True, "2k", 9, "72", "0.252"),
    ("kling-v2-1", False, "2k", 1, "4", "0.014"),
    ("kling-v2-1", True, "1k", 2, "16", "0.056"),
    ("kling-v2", False, "1k", 1, "4", "0.014"),
    ("kling-v2", True, "1k", 1, "8", "0.028"),
    ("kling-v2-new", True, None, 1, "8", "0.028"),
    ("kling-v1-5", False, "1k", 1, "4", "0.014"),
    ("kling-v1-5", True, "1k", 1, "8", "0.028"),
    ("kling-v1", True, "1k", 3, "3", "0.0105"),
]


def amounts(found: Quote | None) -> tuple[Decimal | None, Decimal | None] | None:
    """Units and dollars of a quote."""
    return None if found is None else (found.units, found.usd)


@pytest.mark.parametrize("model, mode, sound, voice, seconds, units, usd", VIDEO)
def test_video_prices(
    model: str, mode: str | None, sound: str, voice: bool, seconds: str, units: str, usd: str
) -> None:
    """A clip costs what the price list says for its model, mode, sound, voice and length."""
    fields: dict[str, object] = {"model_name": model, "duration": seconds, "sound": sound}
    fields |= {"mode": mode} if mode else {}
    fields |= {"voice_list": [{"voice_id": "v"}]} if voice else {}
    fields["prompt"] = "the man<<<voice_1>>> says hello" if voice else "a paper boat"
    assert amounts(quote("image_to_video", fields)) == (Decimal(units), Decimal(usd))


@pytest.mark.parametrize("model, image, resolution, n, units, usd", IMAGES)
def test_image_prices(
    model: str, image: bool, resolution: str | None, n: int, units: str, usd: str
) -> None:
    """Images cost by model, by whether they start from an image, and by their number."""
    fields: dict[str, object] = {"model_name": model, "n": n, "prompt": "a boat"}
    fields |= {"image": "a.png"} if image else {}
    fields |= {"resolution": resolution} if resolution else {}
    assert amounts(quote("image_generation", fields)) == (Decimal(units), Decimal(usd))


def test_defaults_are_those_of_the_service() -> None:
    """Left out, a video is 5 s, std and silent, and an image is one of 1k."""
    turbo = quote("text_to_video", {"model_name": "kling-v2-5-turbo"})
    assert amounts(turbo) == (Decimal("1.5"), Decimal("0.21"))
    v3 = quote("text_to_video", {"model_name": "kling-v3"})
    assert amounts(v3) == (Decimal(3), Decimal("0.42"))
    image = quote("image_generation", {"model_name": "kling-v3"})
    assert amounts(image) == (Decimal(8), Decimal("0.028"))


def test_a_voice_costs_only_when_the_prompt_cites_it() -> None:
    """A listed voice that the prompt does not cite is billed as plain sound."""
    fields = {
        "model_name": "kling-v2-6",
        "mode": "pro",
        "sound": "on",
        "voice_list": [{"voice_id": "v"}],
        "prompt": "a man speaks",
    }
    assert amounts(quote("image_to_video", fields)) == (Decimal(5), Decimal("0.7"))


@pytest.mark.parametrize(
    "parent, units",
    [
        ({"model_name": "kling-v1", "mode": "std"}, "1"),
        ({"model_name": "kling-v1", "mode": "pro"}, "3.5"),
        ({"model_name": "kling-v1-5", "mode": "std"}, "2"),
        ({"model_name": "kling-v1-5", "mode": "pro"}, "3.5"),
        ({"model_name": "kling-v1-6"}, "2"),
        ({"model_name": "kling-v1-6", "mode": "pro", "duration": "10"}, "3.5"),
        ({"model_name": "kling-v3", "mode": "pro"}, None),
        ({}, "3.5"),
        (None, "3.5"),
    ],
)
def test_extension_prices(parent: dict[str, str] | None, units: str | None) -> None:
    """An extension is priced by the model and mode of its source; without them by the dearest."""
    found = quote("video_extension", {"video_id": "1"}, parent=parent)
    assert (found and found.units) == (None if units is None else Decimal(units))


@pytest.mark.parametrize(
    "seconds, units",
    [
        ("5", "0.5"),
        (5, "0.5"),
        ("5.041", "0.5"),
        ("2.9", "0.5"),
        ("0.2", "0.5"),
        (6, "1"),
        ("10.041", "1"),
        (11, "1.5"),
        (60, "6"),
        (None, "6"),
        ("0", "6"),
        ("long", "6"),
        ("NaN", "6"),
    ],
)
def test_lip_sync_prices(seconds: object, units: str) -> None:
    """A lip-sync costs 0.5 units for each started 5 s of its source, the longest when unknown."""
    found = quote("lip_sync", {"video_id": "1", "text": "Hi"}, parent={"duration": seconds})
    assert found is not None
    assert found.units == Decimal(units)


@pytest.mark.parametrize("parent", [None, {}, {"duration": ""}, {"duration": "NaN"}])
def test_the_worst_case_of_a_video_that_nobody_knows(parent: dict[str, str] | None) -> None:
    """A lip-sync is one of 60 s, an extension that of the dearest model; both say so."""
    spoken = quote("lip_sync", {"video_url": "https://example.com/a.mp4"}, parent=parent)
    longer = quote("video_extension", {"video_id": "1"}, parent=parent)
    assert amounts(spoken) == (Decimal(6), Decimal("0.84"))
    assert amounts(longer) == (Decimal("3.5"), Decimal("0.49"))
    for found in (spoken, longer):
        assert found is not None
        assert found.at_most
        assert str(found).startswith("at most ")
        assert "not known here" in found.basis
    known = quote("lip_sync", {"video_id": "1"}, parent={"duration": "5"})
    assert known is not None
    assert not known.at_most


@pytest.mark.parametrize(
    "endpoint, fields, words",
    [
        ("video_effects", {"effect_scene": "bullet_time_360"}, "each video-effects by itself"),
        ("text_to_video", {"model_name": "kling-v9"}, "no row for the model kling-v9; it has"),
        ("text_to_video", {"model_name": "kling-v1", "mode": "4k"}, "not with these settings"),
    ],
)
def test_why_a_price_is_unknown(endpoint: str, fields: dict[str, str], words: str) -> None:
    """No worst case is made up where the facts give none; it is said what is missing."""
    assert quote(endpoint, fields) is None
    assert words in why_unknown(endpoint, fields)


def test_multi_image_and_try_on_prices() -> None:
    """Multi-image clips have prices of their own; a try-on has a price in dollars only."""
    fields = {"model_name": "kling-v1-6", "mode": "pro", "duration": "10", "image_list": ["a"]}
    assert amounts(quote("multi_image_to_video", fields)) == (Decimal(7), Decimal("0.98"))
    try_on = quote("virtual_try_on", {"model_name": "kolors-virtual-try-on-v1-5"})
    assert amounts(try_on) == (None, Decimal("0.07"))
    assert str(try_on) == "$0.07, copied price list of 2026-08-07"


@pytest.mark.parametrize(
    "endpoint, fields",
    [
        ("video_effects", {"effect_scene": "bullet_time_360", "image": "a"}),
        ("text_to_video", {"model_name": "kling-v9", "duration": "5"}),
        ("text_to_video", {"model_name": "kling-v2-6", "mode": "std", "sound": "on"}),
        ("text_to_video", {"model_name": "kling-v1", "mode": "std", "duration": "7"}),
        ("text_to_video", {"model_name": "kling-v2-1", "mode": "std", "duration": "5"}),
        ("text_to_video", {"model_name": "kling-v3", "mode": "std", "duration": "soon"}),
        ("image_generation", {"model_name": "kling-v3", "resolution": "8k"}),
    ],
)
def test_an_unknown_price_is_none(endpoint: str, fields: dict[str, object]) -> None:
    """What the table does not price has no quote, rather than a guess."""
    assert quote(endpoint, fields) is None


def test_quote_in_words() -> None:
    """A quote prints as one line for people and says how it was reckoned."""
    found = quote("text_to_video", {"model_name": "kling-v2-5-turbo", "duration": "5"})
    assert found == Quote(
        units=Decimal("1.5"),
        usd=Decimal("0.21"),
        as_of=date(2026, 9, 20),
        source="price list",
        basis="5 seconds of kling-v2-5-turbo std at 0.3 units each",
    )
    assert str(found) == "1.5 units ($0.21), price list of 2026-09-20"


@pytest.mark.parametrize(
    "endpoint, fields, parent, text, basis",
    [
        (
            "image_to_video",
            {"model_name": "kling-v2-6", "mode": "pro", "sound": "on", "duration": "10"},
            None,
            "10 units ($1.40), price list of 2026-09-20",
            "10 seconds of kling-v2-6 pro with sound at 1 unit each",
        ),
        (
            "image_generation",
            {"model_name": "kling-v1", "n": 1},
            None,
            "1 unit ($0.0035), copied price list of 2026-08-07",
            "1 image of kling-v1 at 1 image unit each (a single source)",
        ),
        (
            "text_to_video",
            {"model_name": "kling-v2-master", "duration": "10"},
            None,
            "20 units ($2.80), copied price list of 2026-08-07",
            "1 clip of 10 s of kling-v2-master at 20 units each (a single source)",
        ),
        (
            "lip_sync",
            {},
            {"duration": 8},
            "1 unit ($0.14), paid run of 2026-09-28",
            "2 times 5 s at 0.5 units each",
        ),
    ],
)
def test_quotes_of_each_kind_in_words(
    endpoint: str,
    fields: dict[str, object],
    parent: dict[str, object] | None,
    text: str,
    basis: str,
) -> None:
    """Seconds, images, clips and started spans are each counted in their own words."""
    found = quote(endpoint, fields, parent=parent)
    assert found is not None
    assert (str(found), found.basis) == (text, basis)


def test_every_price_is_decimal_dated_and_consistent() -> None:
    """Each row has a date, a known source, and dollars that are its units at the unit price."""
    table = tables.load("prices.json")
    assert len(prices()) == len(table["rows"]) > 40
    for price in prices():
        assert isinstance(price.usd, Decimal)
        assert date(2026, 8, 1) <= price.as_of <= date(2026, 10, 8)
        assert table["sources"][price.source].startswith("https://")
        assert price.confidence in "ABCL"
        if price.units is not None:
            assert price.usd == price.units * Decimal(table["units"][price.unit]["usd"])


def test_no_variant_is_priced_twice() -> None:
    """No two rows price the same variant, so the order of the table means nothing."""
    seen: set[object] = set()
    for price in prices():
        when = tuple(sorted((k, str(v)) for k, v in price.when.items()))
        for endpoint in price.endpoints:
            for model in price.models or ("",):
                row = (endpoint, model, price.mode, when, price.per)
                assert row not in seen
                seen.add(row)


def test_every_living_model_has_a_price() -> None:
    """Whatever a living model makes at our defaults can be quoted."""
    for endpoint in ("text_to_video", "image_to_video", "image_generation", "virtual_try_on"):
        for model in tables.models(endpoint):
            fields = {"model_name": model.name, "image": "a.png"}
            assert model.status == "retired" or quote(endpoint, fields), (endpoint, model.name)
