"""Which Chromium runs, and how: one answer for the crawler, the playground's export and the tests.

Playwright's own build where its download worked, else a Chromium or Chrome of the system.
`python -m crawler.browser` finds one or fetches one; `make setup` calls it.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from shards.errors import UsageError

ENVIRONMENT_VARIABLE = "LOSTFOUND_CHROMIUM"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SYSTEM_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
LAUNCH_ARGUMENTS = ("--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio")


@cache
def chromium_path() -> str:
    """The executable to launch. Raises UsageError when this machine has none."""
    if chosen := os.environ.get(ENVIRONMENT_VARIABLE):
        if not os.access(chosen, os.X_OK):
            raise UsageError(f"{ENVIRONMENT_VARIABLE}={chosen}: not an executable file")
        return chosen
    for candidate in (_playwright_chromium(), *map(shutil.which, SYSTEM_NAMES), *SYSTEM_PATHS):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise UsageError(
        "no Chromium found; run `make setup`, install your system's `chromium` package,"
        f" or set {ENVIRONMENT_VARIABLE} to the path of one"
    )


def launch_options() -> dict[str, Any]:
    """Keyword arguments for Playwright's `chromium.launch`."""
    # Chromium refuses its own sandbox to root, which is what containers run as.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return {
        "executable_path": chromium_path(),
        "headless": True,
        "timeout": 30_000,
        "args": [*LAUNCH_ARGUMENTS, *sandbox],
    }


def _playwright_chromium() -> str | None:
    # In a thread of its own, because Playwright refuses its synchronous API inside an event loop.
    with ThreadPoolExecutor(1) as pool:
        path = pool.submit(_playwright_default).result()
    return str(path) if path.exists() else None


def _playwright_default() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> str:
    """Finds a Chromium, else tries Playwright's download, else the distribution's package."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get"):
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        attempts += [
            [*prefix, "apt-get", "update", "-qq"],
            [*prefix, "apt-get", "install", "-y", "-qq", "chromium"],
        ]
    for attempt in attempts:
        try:
            return chromium_path()
        except UsageError:
            print(f"no Chromium yet: {' '.join(attempt)}", file=sys.stderr)
            subprocess.run(attempt, check=False, stdout=subprocess.DEVNULL, timeout=600)
    return chromium_path()


if __name__ == "__main__":
    try:
        print(f"browser: {install()}")
    except UsageError as error:
        sys.exit(f"lostfound: {error}")
