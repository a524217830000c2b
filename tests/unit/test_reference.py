"""The endpoint reference in docs/ is that of the declarations."""

from __future__ import annotations

from pathlib import Path

from docs import generate_endpoints
from kling_core.declare import registry


def test_the_reference_is_fresh():
    """docs/endpoints.md is what `make generate` writes now."""
    committed = Path(__file__).parents[2] / "docs" / "endpoints.md"
    assert committed.read_text(encoding="utf-8") == generate_endpoints.render()


def test_the_reference_tells_every_field():
    """Each declared field of each endpoint has its row."""
    text = generate_endpoints.render()
    for endpoint in registry.endpoints():
        section = text.partition(f"\n## {endpoint.name}\n")[2].partition("\n## ")[0]
        for name in endpoint.request.params():
            assert f"| `{name}` |" in section
