"""The command: one line and exit code 2 for wrong usage; an export with its summary as JSON."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from lostfound import main


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["playground", *words])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    "words",
    [
        ["--export", "3"],
        ["--out", "x"],
        ["--export", "0", "--out", "x"],
        ["--countries", "SE,QQ"],
        ["--countries", "-3"],
        ["--bad-share", "2"],
        ["--port", "70000"],
        ["--fault", "rain=0.5"],
        ["--fault", "crash=often"],
        ["--round-seconds", "0"],
        ["--past", "-1"],
        ["--export", "2", "--out", "x", "--fault", "crash=1"],
    ],
)
def test_wrong_usage_is_one_line(
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("lostfound: ")
    assert error.count("\n") == 1


def test_no_browser_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crawler.browser import chromium_path

    monkeypatch.setenv("LOSTFOUND_CHROMIUM", str(tmp_path / "none"))
    chromium_path.cache_clear()
    try:
        assert run("--export", "1", "--out", str(tmp_path / "out")) == 2
    finally:
        chromium_path.cache_clear()
    assert "not an executable file" in capsys.readouterr().err


def test_an_export_ends_with_a_summary(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, sheet = tmp_path / "out", tmp_path / "sheet.jpg"
    words = ["--export", "2", "--out", str(out), "--sheet", str(sheet), "--json"]
    assert run(*words, "--countries", "SE", "--width", "160", "--height", "90") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["pictures"], summary["countries"], summary["kinds"]) == (2, 1, {"good": 2})
    assert len(list(out.glob("*.jpg"))) == 2
    assert sheet.exists()


def test_ctrl_c_ends_the_server_cleanly() -> None:
    command = [sys.executable, "-c", "from lostfound import main; main()", "playground"]
    command += ["--port", "0", "--past", "3", "--disallow", "/user/", "--fault", "server_error=1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        with urlopen(f"{found[0]}/healthz") as answer:
            assert json.load(answer)["games"] == 3
        with urlopen(f"{found[0]}/robots.txt") as answer:
            assert b"Disallow: /user/" in answer.read()
        with pytest.raises(HTTPError):
            urlopen(found[0])
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
