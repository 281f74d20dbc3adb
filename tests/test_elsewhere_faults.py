"""A dataset behind an address whose storage is busy, fails, or outlives the process that writes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lostfound import main
from shards import remote as remotes
from tests.crawler.s3 import CREDENTIALS, HOST, Proxy, make_bucket, moto_server, proxy_before
from tests.enrich.samples import simple_dataset
from tests.stores import fill, hashes

BUCKET = "for-faults"
COMMAND = (sys.executable, "-c", "from lostfound import main; main()")
REQUESTS = {"enrich": 150, "select": 70, "build": 250}
"""About so many does each step make when all goes well."""
STEPS = (
    ("enrich", "--workers", "1"),
    ("select", "--name", "main", "--allow-unlicensed"),
    ("build", "--selection", "main", "--shard-size", "200KB", "--workers", "1"),
)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with moto_server() as port, proxy_before(port) as proxy, pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{proxy.port}")
        make_bucket(port, BUCKET)
        yield proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no minutes until we give up."""
    monkeypatch.setattr(remotes, "SERVICE_ATTEMPTS", 1)
    monkeypatch.setattr(remotes, "PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a directory, undisturbed."""
    root = tmp_path_factory.mktemp("faults") / "data"
    simple_dataset(root, segments=3, captures=4)
    for step in STEPS:
        assert run(root, step) == 0
    return root


def run(dataset: str | Path, step: tuple[str, ...]) -> int:
    verb, *options = step
    with pytest.raises(SystemExit) as stop:
        main([verb, str(dataset), *options])
    return int(stop.value.code or 0)


def copy_of_raw(here: Path, name: str) -> str:
    there = f"s3://{BUCKET}/{name}/data"
    fill(there, here, "raw")
    return there


def check_no_half_file(there: str, expected: dict[str, str]) -> None:
    """Every file under a final name is whole, and no mark stands without what it marks."""
    found = hashes(there)
    for name, sha in found.items():
        if name.startswith(("enriched", "selections", "shards/main")):
            assert sha == expected[name], name
        if name.startswith("enriched") and name.endswith(".parquet"):
            assert name.replace(".parquet", ".tar") in found
    if "shards/main/manifest.json" in found:
        assert {name for name in expected if name.startswith("shards/main")} <= found.keys()


@pytest.mark.slow
def test_a_storage_that_is_busy_is_asked_again(here: Path, proxy: Proxy) -> None:
    there = copy_of_raw(here, "busy")
    proxy.refuse = lambda number, method, path: number % 41 == 7
    try:
        assert [run(there, step) for step in STEPS] == [0, 0, 0]
    finally:
        proxy.calm()
    assert hashes(there) == hashes(here)


@pytest.mark.parametrize(
    "share", [0.6, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.2, 0.4, 0.75, 0.9))]
)
def test_a_storage_that_fails_ends_it_in_one_line(
    share: float, here: Path, proxy: Proxy, impatient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = hashes(here)
    there = copy_of_raw(here, f"fails-{share}")
    for step in STEPS:
        first = int(share * REQUESTS[step[0]])
        proxy.calm()
        proxy.refuse = lambda number, method, path, first=first: number >= first  # type: ignore[misc]
        capsys.readouterr()
        code = run(there, step)
        proxy.calm()
        assert code == 1
        lines = capsys.readouterr().err.splitlines()
        assert "run it again: nothing is lost" in lines[-1]
        assert there in lines[-1]
        check_no_half_file(there, expected)
        assert run(there, step) == 0
    assert hashes(there) == expected


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_killed_again_and_again_it_gives_the_same(here: Path, proxy: Proxy, after: bool) -> None:
    expected = hashes(here)
    there = copy_of_raw(here, f"killed-{after}")
    for step in STEPS:
        verb, *options = step
        for number in range(5, REQUESTS[verb], REQUESTS[verb] // 4):
            proxy.calm()
            command = [*COMMAND, verb, there, *options]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            proxy.kill = (process.pid, number, after)
            process.communicate(timeout=300)
            proxy.calm()
            check_no_half_file(there, expected)
        assert run(there, step) == 0
    assert hashes(there) == expected


@pytest.mark.slow
def test_tasks_of_other_processes_read_and_write_there(here: Path, proxy: Proxy) -> None:
    there = copy_of_raw(here, "ray")
    proxy.calm()
    for verb, *options in STEPS:
        words = [verb, there, *("2" if option == "1" else option for option in options)]
        subprocess.run([*COMMAND, *words], check=True, timeout=300)
    assert hashes(there) == hashes(here)
