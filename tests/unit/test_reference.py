"""The endpoint reference in docs/ is that of the declarations."""

from __future__ import annotations

from pathlib import Path

from kling_core import reference
from kling_core.endpoints import registry


def test_the_reference_is_fresh():
    """docs/endpoints.md is what `make generate` writes now."""
    committed = Path(__file__).parents[2] / "docs" / "endpoints.md"
    assert committed.read_text(encoding="utf-8") == reference.render()


def test_the_reference_tells_every_field():
    """Each declared field of each endpoint has its row."""
    text = reference.render()
    for endpoint in registry.endpoints():
        section = text.partition(f"\n## {endpoint.name}\n")[2].partition("\n## ")[0]
        for name in endpoint.request.params():
            assert f"| `{name}` |" in section
