"""JupyterLab as a browser test sees it: notebooks written, opened, run, and videos played."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page

STARTING = 60.0
"""Seconds for the server to answer, and for a kernel to be ready."""

IDLE = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    return panel?.context?.isReady && panel.sessionContext?.isReady
        && panel.sessionContext.session?.kernel?.status === 'idle';
}"""
OPEN = "() => window.jupyterapp?.shell?.currentWidget?.context?.isReady === true"
WATCH = """text => {
    window.wasSeen = false;
    new MutationObserver(() => {
        const outputs = [...document.querySelectorAll('.jp-OutputArea')];
        window.wasSeen ||= outputs.some(output => output.textContent.includes(text));
    }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""
PLAY = """async video => {
    video.muted = true;
    await video.play();
    await new Promise((done, fail) => {
        video.ontimeupdate = () => video.currentTime > 0.3 && done();
        video.onerror = () => fail(new Error('media error ' + video.error?.code));
    });
    video.pause();
    const {readyState, currentTime, duration, videoWidth, videoHeight} = video;
    return {readyState, currentTime, duration, videoWidth, videoHeight};
}"""


def play(video: Locator) -> dict[str, Any]:
    """Play a little of the video; what the browser then knows of it."""
    video.scroll_into_view_if_needed()
    return video.evaluate(PLAY)


def comes(ask: Callable[[], Any], wanted: Any) -> None:
    """Ask the kernel until it has this: a change right after another one goes out later."""
    end = time.monotonic() + STARTING
    while (value := ask()) != wanted:
        assert time.monotonic() < end, value


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: `root` is the folder that it serves."""

    url: str
    token: str
    root: Path

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook with these code cells into the root."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        made.metadata.kernelspec = {
            "name": "python3",
            "display_name": "Python",
            "language": "python",
        }
        nbformat.write(made, self.root / name)
        return name

    def open(self, page: Page, name: str, *, kernel: bool = True, place: str = "lab/tree") -> None:
        """Open a notebook, and wait until its kernel is idle if it is to have one.

        `place` is "notebooks" for Jupyter Notebook.
        """
        reset = "&reset" if place.startswith("lab") else ""
        page.goto(f"{self.url}/{place}/{name}?token={self.token}{reset}")
        page.locator(".jp-Notebook").wait_for(timeout=STARTING * 1000)
        page.wait_for_function(IDLE if kernel else OPEN, timeout=STARTING * 1000)

    def run_all(self, page: Page) -> None:
        """Start every cell, and wait for none of them."""
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def watch_for(self, page: Page, text: str) -> Callable[[], bool]:
        """From now on note whether the text is shown, however briefly; the answer tells."""
        page.evaluate(WATCH, text)
        return lambda: page.evaluate("() => window.wasSeen")

    def save(self, page: Page) -> None:
        """Save the notebook that is open."""
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def shut_down(self, page: Page) -> None:
        """End every kernel."""
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """An empty page of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
