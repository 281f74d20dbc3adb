"""`fetch` from a folder, a web server, S3 and the Hub: exactly the images, and few bytes more."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import LostFoundError, UsageError, WorkError
from shards.fetch import http
from shards.fetch.run import fetch
from shards.layout import DatasetLayout
from shards.read import read_range
from shards.remote import open_remote
from tests.crawler.s3 import CREDENTIALS, HOST, make_bucket, moto_server
from tests.shards import datasets
from tests.shards.datasets import make_dataset, metadata_row
from tests.shards.fetch.server import Server, serve

SAMPLES, MATCHING = 2_000, 100
RARE = "country_code = 'EE'"


def noise(number: int) -> bytes:
    """About 20 kB that begin and end as a JPEG; quick to make."""
    random_ = random.Random(number)
    return b"\xff\xd8" + random_.randbytes(random_.randint(12_000, 28_000)) + b"\xff\xd9"


def build(root: Path, samples: int, matching: int, shard_bytes: int) -> Path:
    """A shard set of which `matching` samples are Estonian."""
    rows = [
        metadata_row(number, **({"country_code": "EE"} if number < matching else {}))
        for number in random.Random(1).sample(range(samples), samples)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "picture", noise)
        layout = make_dataset(root, rows)
    return Path(build_shards(layout, "main", BuildOptions(shard_bytes=shard_bytes)).path)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("set") / "data", SAMPLES, MATCHING, 20 << 20)


@pytest.fixture
def server(shards: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.01)
    with serve(shards) as state:
        yield state


def rows_of(shards: Path) -> dict[str, dict[str, Any]]:
    return {
        row["key"]: row
        for file in sorted(shards.glob("metadata/*.parquet"))
        for row in pq.read_table(file).to_pylist()
    }


def check(shards: Path, out: Path, chosen: Callable[[dict[str, Any]], bool]) -> int:
    """The folder holds the samples that are chosen, bit for bit; returns how many."""
    wanted = {key: row for key, row in rows_of(shards).items() if chosen(row)}
    assert {path.stem for path in out.glob("*.jpg")} == set(wanted)
    table = {row["key"]: row for row in pq.read_table(out / "metadata.parquet").to_pylist()}
    assert set(table) == set(wanted)
    for key, row in wanted.items():
        image = read_range(shards / row["tar"], row["tar_offset"], row["tar_size"])
        assert (out / f"{key}.jpg").read_bytes() == image
        for name in (
            "lat",
            "lon",
            "country_code",
            "captured_at",
            "license",
            "attribution",
            "split",
        ):
            assert table[key][name] == row[name], name
        assert table[key]["file_name"] == f"{key}.jpg"
    return len(wanted)


def estonian(row: dict[str, Any]) -> bool:
    return bool(row["country_code"] == "EE")


def test_a_hundred_images_from_a_web_server(shards: Path, server: Server, tmp_path: Path) -> None:
    summary = fetch(server.url, RARE, tmp_path / "out")
    assert check(shards, tmp_path / "out", estonian) == summary.samples == MATCHING
    assert summary.transferred == server.sent
    assert server.sent <= 1.2 * summary.image_bytes
    assert summary.requests == len(server.paths)


@pytest.mark.slow
def test_a_hundred_of_twenty_thousand(tmp_path: Path) -> None:
    """Also with the headers of HTTP counted."""
    shards = build(tmp_path / "data", 20_000, MATCHING, 128 << 20)
    assert len(list(shards.glob("data/*.tar"))) >= 5
    with serve(shards) as server:
        summary = fetch(server.url, RARE, tmp_path / "out")
        assert summary.samples == MATCHING
        assert server.sent + server.headers_sent <= 1.2 * summary.image_bytes


def test_from_a_folder(shards: Path, tmp_path: Path) -> None:
    summary = fetch(str(shards), RARE, tmp_path / "out")
    check(shards, tmp_path / "out", estonian)
    assert summary.transferred <= 1.2 * summary.image_bytes
    with open(tmp_path / "out" / "attribution.csv", newline="") as file:
        [line] = csv.DictReader(file)
    assert line["author"] == 'A "quoted" name, Malmö'
    assert line["samples"] == str(MATCHING)
    assert line["licence"] == "CC-BY-SA-4.0"


def test_all_of_a_split(shards: Path, server: Server, tmp_path: Path) -> None:
    """The other splits' footers say that they hold none: nothing else of them is read."""
    fetch(server.url, "split = 'test' AND lat > 50", tmp_path / "out")
    assert check(shards, tmp_path / "out", lambda r: r["split"] == "test" and r["lat"] > 50)
    assert sum("metadata/train-000000" in path for path, _ in server.paths) == 1
    assert not any("/data/train" in path for path, _ in server.paths)


def test_a_condition_on_a_column_that_the_json_lacks(shards: Path, tmp_path: Path) -> None:
    fetch(str(shards), "phash % 500 = 7 and brightness > 100 -- so bright", tmp_path / "out")
    assert check(shards, tmp_path / "out", lambda row: row["phash"] % 500 == 7) == 4
    table = pq.read_table(tmp_path / "out" / "metadata.parquet")
    assert sorted(value % 500 for value in table["phash"].to_pylist()) == [7] * 4


def test_the_first_ones(shards: Path, tmp_path: Path) -> None:
    assert fetch(str(shards), "", tmp_path / "out", limit=7).samples == 7
    first = [row["key"] for row in rows_of(shards).values()][:7]
    assert pq.read_table(tmp_path / "out" / "metadata.parquet")["key"].to_pylist() == first


def test_nothing_meets_it(shards: Path, tmp_path: Path) -> None:
    assert fetch(str(shards), "country_code = 'ZZ'", tmp_path / "out").samples == 0
    assert pq.read_table(tmp_path / "out" / "metadata.parquet").num_rows == 0


def test_dry_run_writes_nothing(shards: Path, tmp_path: Path) -> None:
    summary = fetch(str(shards), RARE, tmp_path / "out", dry_run=True)
    assert summary.fetched == summary.samples == MATCHING
    assert not (tmp_path / "out").exists()


def test_again_fetches_only_what_is_missing_or_wrong(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fetch(server.url, RARE, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    one, other, *_ = sorted(out.glob("*.jpg"))
    one.unlink()
    other.write_bytes(bytes(other.stat().st_size))
    assert fetch(server.url, RARE, out).fetched == 2
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert fetch(server.url, RARE, out).fetched == 0


def test_another_condition_removes_the_others(shards: Path, tmp_path: Path) -> None:
    fetch(str(shards), "phash < 30", tmp_path / "out")
    assert fetch(str(shards), "phash < 20", tmp_path / "out").fetched == 0
    assert check(shards, tmp_path / "out", lambda row: row["phash"] < 20) == 20


def test_a_folder_of_somebody_else(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        fetch(str(shards), RARE, tmp_path)


def test_trouble_that_passes(shards: Path, server: Server, tmp_path: Path) -> None:
    troubles: list[int | str | None] = [503, 429, "cut", 500]
    server.trouble = lambda number, path: (
        troubles[number // 9] if number % 9 == 3 and number < 36 else None
    )
    fetch(server.url, RARE, tmp_path / "out")
    assert check(shards, tmp_path / "out", estonian) == MATCHING


def test_killed_and_run_again(shards: Path, server: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "from lostfound import main; main()"
    options = ["fetch", server.url, "--where", RARE, "--out", str(out)]
    process = subprocess.Popen([sys.executable, "-c", code, *options])

    def kill(number: int, path: str) -> None:
        if number == 60:
            os.kill(process.pid, signal.SIGKILL)

    server.trouble = kill
    assert process.wait() == -signal.SIGKILL
    assert 0 < len(list(out.glob("*.jpg"))) < MATCHING
    server.trouble = lambda number, path: None
    assert 0 < fetch(server.url, RARE, out).fetched < MATCHING
    assert check(shards, out, estonian) == MATCHING
    assert not list(out.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (404, "HTTP status 404"),
        (403, "access is refused"),
        ("shift", "the server sent bytes"),
        (500, "run the same command again"),
    ],
)
def test_trouble_that_stays(server: Server, tmp_path: Path, trouble: Any, message: str) -> None:
    server.trouble = lambda number, path: trouble if "data/" in path else None
    with pytest.raises(LostFoundError, match=message):
        fetch(server.url, RARE, tmp_path / "out")


def test_a_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    with pytest.raises(UsageError, match="does not support ranges"):
        fetch(server.url, RARE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/none", "{folder}/none", "{folder}"])
def test_no_shard_set_there(server: Server, tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="give a shard directory"):
        fetch(where.format(port=server.port, folder=tmp_path), RARE, tmp_path / "out")


def test_the_query_of_an_address_stays_secret(server: Server, tmp_path: Path) -> None:
    assert fetch(f"{server.url}/?sig=secret", "phash = 1", tmp_path / "out").samples == 1
    assert all(path.endswith("?sig=secret") for path, _ in server.paths)
    server.trouble = lambda number, path: 404
    with pytest.raises(LostFoundError) as error:
        fetch(f"http://me:secret@127.0.0.1:{server.port}/x?sig=secret", "", tmp_path / "other")
    assert "secret" not in str(error.value)


def test_from_the_hub(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "datasets" / "owner" / "name" / "resolve" / "v1"
    repository.parent.mkdir(parents=True)
    repository.symlink_to(shards)
    with serve(tmp_path / "hub") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_token")
        fetch("hf://datasets/owner/name@v1", "phash < 3", tmp_path / "out")
        assert set(server.authorized) == {"Bearer hf_token"}
    assert check(shards, tmp_path / "out", lambda row: row["phash"] < 3) == 3


def test_from_s3(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with moto_server() as port:
        make_bucket(port, "bucket")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{port}")
        remote = open_remote("s3://bucket/sets/main")
        for file in [*shards.glob("*.json"), *shards.glob("metadata/*"), *shards.glob("data/*")]:
            remote.write(file.read_bytes(), file.relative_to(shards).as_posix())
        summary = fetch("s3://bucket/sets/main", RARE, tmp_path / "out")
        with pytest.raises(UsageError, match=r"no manifest\.json"):
            fetch("s3://bucket/sets", RARE, tmp_path / "other")
    assert check(shards, tmp_path / "out", estonian) == MATCHING
    assert summary.transferred <= 1.2 * summary.image_bytes


def test_imagefolder_reads_it(shards: Path, tmp_path: Path) -> None:
    """Real pictures, so that they decode."""
    from datasets import load_dataset

    layout = make_dataset(tmp_path / "data", 20)
    fetch(build_shards(layout, "main").path, "", tmp_path / "out")
    found = load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert len(found) == 20
    assert found[0]["image"].size == (64, 36)
    assert found[0]["license"] == "CC-BY-SA-4.0"


def test_captured_files(tmp_path: Path) -> None:
    """A damaged tar is found, and named with the byte."""
    layout: DatasetLayout = make_dataset(tmp_path / "data", 30)
    shards = Path(build_shards(layout, "main").path)
    row = next(iter(rows_of(shards).values()))
    tar = bytearray((shards / row["tar"]).read_bytes())
    tar[row["tar_offset"]] ^= 1
    (shards / row["tar"]).write_bytes(tar)
    with pytest.raises(WorkError, match=f"byte {row['tar_offset']} .* is damaged"):
        fetch(str(shards), f"key = '{row['key']}'", tmp_path / "out")


def test_a_key_that_is_a_path(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "data", 3)
    shards = Path(build_shards(layout, "main").path)
    row = next(iter(rows_of(shards).values()))
    path = shards / row["tar"]
    key = row["key"].encode()
    evil = b"../" + key[3:]
    path.write_bytes(path.read_bytes().replace(key, evil))
    with pytest.raises(WorkError, match="run `lostfound verify`"):
        fetch(str(shards), f"key = '{row['key']}'", tmp_path / "out" / "in")
    assert not list((tmp_path / "out").glob("*.jpg"))


def test_the_command(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lostfound import main

    with pytest.raises(SystemExit) as stop:
        main(["fetch", str(shards), "--where", "phash = 3", "--out", str(tmp_path / "o"), "--json"])
    assert not stop.value.code
    summary = json.loads(capsys.readouterr().out)
    assert summary["samples"] == 1
    assert summary["transferred"] > summary["image_bytes"] > 0
    with pytest.raises(SystemExit) as stop:
        main(["fetch", str(shards), "--where", "contry_code = 'EE'", "--out", str(tmp_path / "o")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "country_code" in error
    assert error.count("\n") == 1
