"""`lostfound serve` as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from lostfound import main
from tests.training.deploy.serve.serving import photo

MAIN = "import sys, lostfound; lostfound.main(sys.argv[1:])"


def test_it_serves_until_it_is_told_to_stop(run: Path) -> None:
    words = ["serve", str(run), "--port", "0", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LOSTFOUND_SERVE_TOKEN": "s3cret", "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stderr.readline()
        address = first.split()[1].rstrip("/")
        assert address.startswith("http://127.0.0.1:")
        headers = {"Authorization": "Bearer s3cret"}
        url = f"{address}/v1/predict"
        assert httpx2.post(url, content=photo(), headers=headers).status_code == 200
        assert httpx2.post(url, content=photo()).status_code == 401
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out) == {"requests": 2, "images": 1, "batches": 1, "refused": 1}
    assert "POST /v1/predict status=200" in log
    assert "s3cret" not in first + log + out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent"], "absent: no such model file"),
        (["absent", "--max-images", "9", "--max-waiting", "3"], "--max-images 9: more than"),
        (["absent", "--host", "192.0.2.1"], "192.0.2.1:8000: cannot listen"),
    ],
)
def test_errors_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", *words])
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("lostfound: ")
    assert message in last
