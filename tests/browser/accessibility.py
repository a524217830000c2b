"""What axe has to say about a part of a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

__all__ = ["violations"]


def violations(page: Page, selector: str) -> list[str]:
    """Every rule that something inside the selector breaks, with the element that breaks it."""
    # Jupyter's RequireJS would take axe for one of its modules.
    page.evaluate("() => { window.keptDefine = window.define; window.define = undefined; }")
    try:
        found = Axe().run(page, context=selector).response["violations"]
    finally:
        page.evaluate("() => { window.define = window.keptDefine; }")
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]
