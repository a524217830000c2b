"""Finds a Chromium to test in; run as a script, it fetches one when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")
MISSING = (
    "No Chromium was found. Install one (Debian: apt install chromium), or "
    "`python -m playwright install chromium`, or name one in CHROMIUM."
)


def find() -> str | None:
    """The browser: $CHROMIUM, one of the system, or Playwright's own; None when there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and MAC.exists():
        found = str(MAC)
    return found or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def main() -> int:
    """Make sure that there is a browser; 1 when none is to be had, with the ways to get one."""
    if find() is None and not os.environ.get("CHROMIUM"):
        _fetch()
    if find() is None:
        sys.stdout.write(f"{MISSING}\n")
        return 1
    return 0


def _fetch() -> None:
    """Install Debian's as root, else Playwright's own."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("No Chromium on this machine; installing Debian's (a minute).")
        quiet = subprocess.DEVNULL
        subprocess.run(["apt-get", "update", "-qq"], stdout=quiet, check=False)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES]
        subprocess.run(install, env=environment, stdout=quiet, check=False)
        if find() is not None:
            return
    say("No Chromium on this machine; fetching Playwright's.")
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
