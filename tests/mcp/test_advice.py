"""Advice of the library, as an agent is told it: in tools, never in words of Python or a shell."""

from __future__ import annotations

import errno
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from kling_core.advice import SPELLINGS, Advice, Text, said
from kling_core.declare import registry
from kling_core.declare.registry import UnknownEndpoint
from kling_core.editions.choose import edition_of
from kling_core.errors import BudgetExceeded, ConnectionFailed, InvalidRequest, KlingError
from kling_core.flows import download, limits, resolve
from kling_core.flows.attempt import Attempt
from kling_core.flows.read import Way
from kling_core.wire import error_codes
from kling_mcp import failures

VERBS = sorted(SPELLINGS.keys() - {"max_cost"})  # the field is the tools' too

FOREIGN = re.compile(r"`kling |\bkling\.\w+|\bclip\.|\btask\.wait|Kling\(|PIL|numpy|--max-cost")


def raised(limit: str | None, budget: str | None = None) -> KlingError:
    """What a limit of the owner says."""
    effect = registry.load("video_effects").request(
        effect_scene="bullet_time_360", image="https://example.com/a.png"
    )
    clip = registry.load("text_to_video").request(prompt="a boat")
    amounts = [None if amount is None else Decimal(amount) for amount in (limit, budget)]
    with pytest.raises(BudgetExceeded) as caught:
        limits.check_cost(clip if limit else effect, *amounts)
    return caught.value


def unreadable() -> KlingError:
    """What a picture that is no picture says."""
    request = registry.load("image_to_video").request(image=object(), prompt="x")
    return InvalidRequest(request.check().violations)


def sought(endpoint: str, external: str | None) -> str:
    loaded = registry.load(endpoint)
    way, unused = Way(loaded, edition_of(loaded), loaded.path), cast(Any, None)
    attempt = Attempt(unused, unused, way, unused, "kc-1", external)
    return resolve.how_to_find(attempt)


def errors() -> list[KlingError]:
    """One error for each advice of the library that an agent can meet."""
    full, gone = OSError(errno.ENOSPC, "full"), OSError(errno.ENOTDIR, "not a directory")
    return [
        *(KlingError("x", cause=row.cause, fix=row.fix) for row in error_codes.TABLE.values()),
        *(download.disk_error(error, Path("boat.mp4"), "1") for error in (full, gone)),
        *(
            KlingError("x", fix=sought(*way))
            for way in (("text_to_video", "kc-1"), ("lip_sync", None))
        ),
        *(
            KlingError("x", fix=Text(Advice(verb, "1", "lip_sync", "config.toml")))
            for verb in VERBS
        ),
        ConnectionFailed("x"),
        raised("0.01"),
        raised(None, "1"),
        unreadable(),
    ]


@pytest.mark.parametrize("error", errors(), ids=lambda e: f"{e.code} {e.fix}"[:60])
def test_in_the_words_of_this_server(error: KlingError):
    """Neither the facts nor the text tell of what only other front ends have."""
    result = failures.result(error)
    assert FOREIGN.search(result.model_dump_json()) is None


def test_the_owners_limits_are_the_owners():
    """Nothing that an agent could raise."""
    for error in (raised("0.01"), raised(None, "1")):
        fix = failures.result(error).structured_content["fix"]
        assert fix.startswith("The owner of this server set this limit: choose a shorter clip")
        assert "max_cost" not in fix
    fix = said(Text(Advice("raise budget"), ", or wait until tomorrow."), "tools")
    assert fix.endswith("a cheaper mode or model, or wait until tomorrow.")


def test_names_as_the_schemas_spell_them():
    with pytest.raises(UnknownEndpoint) as caught:
        registry.get("vidoe-effects")
    result = failures.result(caught.value)
    assert "did you mean video_effects?" in result.structured_content["message"]
    assert "text_to_video" in result.structured_content["fix"]
    assert "text-to-video" not in result.model_dump_json()


def test_a_refusal_says_everything_once():
    text = failures.result(unreadable()).content[0].text
    assert text.count("nothing was sent") == 1
    assert text.count("billed") == 1
