"""Which browser is taken, and what is said when there is none."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler import browser
from shards.errors import UsageError


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    browser.chromium_path.cache_clear()
    yield
    browser.chromium_path.cache_clear()


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no browser can be found."""
    monkeypatch.delenv(browser.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(browser, "_playwright_chromium", list)
    monkeypatch.setattr(browser, "HEADLESS_SHELL", "/nowhere/headless-shell")
    monkeypatch.setattr(browser, "SYSTEM_PATHS", ())
    monkeypatch.setattr(browser.shutil, "which", lambda _: None)


def executable(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_browser_of_this_machine_starts() -> None:
    assert browser.starts(browser.chromium_path())


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = executable(tmp_path / "mine", "exit 0")
    monkeypatch.setenv(browser.ENVIRONMENT_VARIABLE, mine)
    assert browser.launch_options()["executable_path"] == mine


def test_a_wrong_choice_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.ENVIRONMENT_VARIABLE, "/nowhere/chromium")
    with pytest.raises(UsageError, match="not an executable file"):
        browser.chromium_path()


def test_the_build_without_a_user_interface_is_taken_first(tmp_path: Path) -> None:
    program = tmp_path / "chromium-77" / "chrome-linux" / "chrome"
    assert browser.headless_shells(program) == []
    for revision in ("76", "77"):
        folder = tmp_path / f"chromium_headless_shell-{revision}" / "chrome-linux"
        folder.mkdir(parents=True)
        executable(folder / "headless_shell", "exit 0")
        (folder / "icudtl.dat").touch()
    assert browser.headless_shells(program) == [str(folder / "headless_shell")]


@pytest.mark.usefixtures("bare_machine")
def test_no_browser_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="install your system's `chromium` package"):
        browser.chromium_path()


@pytest.mark.usefixtures("bare_machine")
def test_a_browser_that_does_not_start_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = executable(tmp_path / "broken", "exit 127")
    whole = tmp_path / "whole"
    bring = f"import pathlib; p = pathlib.Path({str(whole)!r});"
    bring += " p.write_text('#!/bin/sh\\nexit 0\\n'); p.chmod(0o755)"
    monkeypatch.setattr(browser, "SYSTEM_PATHS", (str(whole), broken))
    monkeypatch.setattr(browser, "_attempts", lambda: [[sys.executable, "-c", bring]])
    assert browser.install() == str(whole)


@pytest.mark.usefixtures("bare_machine")
def test_a_browser_that_never_starts_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = executable(tmp_path / "broken", "exit 127")
    monkeypatch.setattr(browser, "SYSTEM_PATHS", (broken,))
    monkeypatch.setattr(browser, "_attempts", lambda: [[sys.executable, "-c", ""]])
    with pytest.raises(UsageError, match="does not start"):
        browser.install()


def test_setup_prints_the_browser() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "crawler.browser"], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("browser: /")
