"""Faults of what a dataset stands on, made for real: storage that is busy and slow, a full disk."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lostfound import main
from shards import remote as remotes
from shards.layout import DatasetLayout
from tests.crawler.s3 import CREDENTIALS, HOST, Proxy, make_bucket, moto_server, proxy_before
from tests.crawler.test_disk import may_mount
from tests.enrich.samples import simple_dataset
from tests.shards.datasets import snapshot

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code, words


def work(dataset: str) -> None:
    """Every stage from sealed segments to shards."""
    run("enrich", dataset, "--workers", "1")
    run("select", dataset, "--name", "all", "--split", "random", "--allow-unlicensed")
    run("build", dataset, "--selection", "all", "--workers", "1", "--allow-unlicensed")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remotes, "PAUSE_SECONDS", 0.01)
    with moto_server() as port, proxy_before(port) as proxy:
        make_bucket(port, "bucket")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{proxy.port}")
        yield proxy


def trouble(proxy: Proxy) -> None:
    """Every fifth request is refused, every seventh loses its answer, every third is slow."""
    proxy.refuse = lambda number, method, path: number % 5 == 2
    proxy.cut = lambda number, method, path: number % 7 == 3
    proxy.delay = lambda number, method, path: 0.4 if number % 3 == 0 else 0.0


def digests(files: dict[str, bytes], folder: str) -> dict[str, str]:
    return {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name.startswith(f"{folder}/")
    }


def test_storage_that_is_busy_and_slow(
    proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enriched, asked, selected, built and trained from as if nothing had been."""
    from training.data.remote import Tars, local_shards

    layout = simple_dataset(tmp_path / "data")
    remote = remotes.open_remote("s3://bucket/data")
    for segment in layout.sealed_segments():
        remote.put(segment, layout.relative(segment))
    work(str(layout.root))
    expected = snapshot(layout.root)

    trouble(proxy)
    work("s3://bucket/data")
    capsys.readouterr()
    run("query", "s3://bucket/data", "SELECT count(*) AS n FROM samples", "--format", "json")
    assert json.loads(capsys.readouterr().out) == [{"n": 6}]
    copy = local_shards("s3://bucket/data/shards/all")
    tars = Tars(copy)
    fetched = {
        f"shards/all/data/{name}": tars.file(copy / "data" / name).read_bytes()
        for name in remote.sizes("shards/all/data")
    }
    assert fetched
    assert digests(fetched, "shards") == digests(
        {name: data for name, data in expected.items() if name.endswith(".tar")}, "shards"
    )
    proxy.calm()
    there = {name: remote.read(name) for name in remote.sizes("") if name.endswith(".parquet")}
    for folder in ("enriched", "selections", "shards"):
        here = {name: data for name, data in expected.items() if name.endswith(".parquet")}
        assert digests(there, folder) == digests(here, folder)


# Enriches and builds with the outputs on a disk that is too small, then on one with room. Prints
# the lines that each step said and what stood there after it failed.
FULL = """
import contextlib, io, json, subprocess, sys
from pathlib import Path
from lostfound import main

root, folder = sys.argv[1], sys.argv[2]
disk = Path(root) / folder
disk.mkdir(exist_ok=True)

def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(disk)], check=True)

def run(*words):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            main(words)
        except SystemExit as stop:
            lines = said.getvalue().strip().splitlines()
            return stop.code or 0, [line for line in lines if line.startswith("lostfound:")]

words = {
    "enriched": ("enrich", root, "--workers", "1"),
    "shards": ("build", root, "--selection", "all", "--workers", "1", "--allow-unlicensed"),
}[folder]
mount("size=64k")
code, lines = run(*words, "--json")
whole = [str(path) for path in disk.rglob("*.parquet")]
subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
again, _ = run(*words, "--json")
target = Path(root).with_name(f"{folder}-result")
subprocess.run(["cp", "-r", str(disk), str(target)], check=True)
print("RESULT" + json.dumps([code, lines, whole, again]))
"""


@pytest.mark.parametrize("folder", ["enriched", "shards"])
def test_a_full_disk(tmp_path: Path, folder: str) -> None:
    if not may_mount():
        pytest.skip("this system lets nobody but root mount a small disk")
    whole = simple_dataset(tmp_path / "whole")
    work(str(whole.root))
    layout = simple_dataset(tmp_path / "data")
    if folder == "shards":
        run("enrich", str(layout.root), "--workers", "1")
        words = ("select", str(layout.root), "--name", "all", "--split", "random")
        run(*words, "--allow-unlicensed")
    command = ["unshare", "-rm", sys.executable, "-c", FULL, str(layout.root), folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    answer = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    code, lines, _, again = json.loads(answer.removeprefix("RESULT"))
    assert (code, again) == (1, 0)
    assert len(lines) == 1
    assert "free some disk" in lines[0] or "disk is full" in lines[0]
    made = {f"{folder}/{n}": data for n, data in snapshot(tmp_path / f"{folder}-result").items()}
    expected = snapshot(DatasetLayout(whole.root).root)
    assert made == {name: expected[name] for name in expected if name.startswith(f"{folder}/")}
