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
HEADLESS_SHELL = "/usr/lib/chromium/chromium-headless-shell"
"""Debian's: Chromium without a user interface, which takes a quarter less CPU for a round."""
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
    found = (
        *_playwright_chromium(),
        HEADLESS_SHELL,
        *map(shutil.which, SYSTEM_NAMES),
        *SYSTEM_PATHS,
    )
    for candidate in found:
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


def _playwright_chromium() -> list[str]:
    """What Playwright has downloaded, the build without a user interface first."""
    # In a thread of its own, because Playwright refuses its synchronous API inside an event loop.
    with ThreadPoolExecutor(1) as pool:
        path = pool.submit(_playwright_default).result()
    return [*headless_shells(path), str(path)]


def headless_shells(chromium: Path) -> list[str]:
    """Beside `…/chromium-<revision>/<platform>/<program>`: the shell of the same revision."""
    build = chromium.parents[1]
    name = build.name.replace("chromium-", "chromium_headless_shell-", 1)
    return sorted(map(str, build.parent.glob(f"{name}/*/*headless*shell*")))


def _playwright_default() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> str:
    """A Chromium that starts: one found, else Playwright's download, else the system's package."""
    for attempt in [[], *_attempts()]:
        if attempt:
            print(f"no Chromium yet: {' '.join(attempt)}", file=sys.stderr)
            subprocess.run(attempt, check=False, stdout=subprocess.DEVNULL, timeout=600)
            chromium_path.cache_clear()
        try:
            if starts(found := chromium_path()):
                return found
        except UsageError:
            continue
    found = chromium_path()
    raise UsageError(f"{found}: does not start; `{found} --version` says what it lacks")


def starts(path: str) -> bool:
    """Whether the browser runs here: a download without the system's libraries does not."""
    try:
        run = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def _attempts() -> list[list[str]]:
    """Commands that may bring a browser, in the order in which to try them."""
    playwright = [sys.executable, "-m", "playwright"]
    attempts = [[*playwright, "install", "chromium"]]
    if shutil.which("apt-get"):
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        attempts += [
            [*prefix, *playwright, "install-deps", "chromium"],
            [*prefix, "apt-get", "update", "-qq"],
            [*prefix, "apt-get", "install", "-y", "-qq", "chromium"],
        ]
    return attempts


if __name__ == "__main__":
    try:
        print(f"browser: {install()}")
    except UsageError as error:
        sys.exit(f"lostfound: {error}")
