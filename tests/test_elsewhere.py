"""A dataset behind an address: the same commands, and the same bytes as in a directory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from lostfound import main
from shards.build import BuildOptions, build_shards
from shards.store import open_store
from tests.enrich.samples import capture, encoded, picture, simple_dataset, write_segment
from tests.shards.datasets import make_dataset
from tests.stores import fill, hashes, memory, s3


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as address:
        yield address


def make_raw(root: Path) -> None:
    layout = simple_dataset(root, segments=3, captures=4)
    # A copy of another picture, which the whole-dataset step finds by a look at both.
    smaller = encoded(np.asarray(cv2.resize(picture(3), (480, 270)), np.uint8))
    write_segment(layout, "x-000000", [(capture("test-copy", lat="55.99"), smaller, "jpg")])


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    return int(stop.value.code or 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_enriching_gives_the_bytes_of_a_directory(
    kind: str, tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = str(tmp_path / "here")
    there = memory() if kind == "memory" else f"{bucket}/enrich"
    make_raw(tmp_path / "here")
    fill(there, tmp_path / "here")
    summaries = []
    for dataset in (here, there):
        assert run("enrich", dataset, "--workers", "1", "--json") == 0
        summaries.append(json.loads(capsys.readouterr().out))
        del summaries[-1]["images_per_second"]
    assert summaries[0] == summaries[1]
    assert summaries[0]["rejected"] == {"duplicate_position": 1, "duplicate_view": 1}
    assert hashes(there) == hashes(here)
    parts = sorted((tmp_path / "here/enriched/test").glob("*.parquet"))
    scores = pq.read_table(parts)["rgb_variance"].to_pylist()
    other = ("--workers", "1", "--min-rgb-variance", str(median(scores)))
    assert run("enrich", there, *other) == 2
    assert f"{there}/enriched was made with min_rgb_variance=300.0" in capsys.readouterr().err
    for dataset in (here, there):
        assert run("enrich", dataset, *other, "--refilter", "--json") == 0
        assert json.loads(capsys.readouterr().out)["rejected"]["low_variance"] == 7
        assert run("deny", dataset, "--key", "test-1") == 0
        capsys.readouterr()
    ours, theirs = hashes(here), hashes(there)
    assert theirs.pop("denylist.csv")  # has the time
    assert theirs.pop("catalog/tombstones.parquet")
    assert theirs.items() <= ours.items()
    assert len(theirs) == len(ours) - 2


def import_pictures(folder: Path, *datasets: str) -> None:
    folder.mkdir()
    lines = ["file,lat,lon,license,attribution"]
    for number in range(16):
        (folder / f"{number}.jpg").write_bytes(encoded(picture(number)))
        licence = "CC-BY-SA-4.0" if number % 5 == 0 else "CC-BY-4.0"
        lines.append(f"{number}.jpg,{55.5 + number / 100},13.{number + 10},{licence},somebody")
    (folder / "table.csv").write_text("\n".join(lines))
    for dataset in datasets:
        assert run("import", str(folder / "table.csv"), "--format", "csv", "--out", dataset) == 0


def test_the_chain_gives_the_same_bytes(
    tmp_path: Path,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "state"))
    here, there = str(tmp_path / "chain"), f"{bucket}/chain"
    import_pictures(tmp_path / "pictures", here, there)
    build = ("--selection", "main", "--shard-size", "100KB", "--workers", "1", "--json")
    for dataset in (here, there):
        assert run("enrich", dataset, "--workers", "1") == 0
        assert run("select", dataset, "--name", "main", "--limit", "14") == 0
        capsys.readouterr()
        assert run("build", dataset, *build) == 0
        summary = json.loads(capsys.readouterr().out)
        assert (summary["samples"], summary["path"]) == (14, f"{dataset}/shards/main")
        assert summary["share_alike_path"] == f"{dataset}/shards/main-share-alike"
    ours = {name: sha for name, sha in hashes(here).items() if not name.startswith("raw/")}
    raw = {name: sha for name, sha in hashes(here).items() if re.fullmatch("raw/.*[.]tar", name)}
    theirs = hashes(there)
    assert raw.items() <= theirs.items()
    assert {name: sha for name, sha in theirs.items() if not name.startswith("raw/")} == ours
    assert len([name for name in ours if name.endswith(".tar")]) > 8
    assert run("verify", f"{there}/shards/main") == 0
    capsys.readouterr()
    # Again: everything is right already; then another selection takes its place.
    assert run("build", there, *build) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 0
    for dataset in (here, there):
        assert run("select", dataset, "--name", "main", "--where", "license = 'CC-BY-4.0'") == 0
        assert run("build", dataset, *build) == 0
        assert run("query", dataset, "FROM shards ORDER BY key", "--format", "csv") == 0
        assert run("report", dataset) == 0
    ours = {name: sha for name, sha in hashes(here).items() if not name.startswith("raw/")}
    theirs = {name: sha for name, sha in hashes(there).items() if not name.startswith("raw/")}
    assert ours == theirs
    assert not [name for name in ours if "share-alike" in name or ".tmp" in name]
    out = str(tmp_path / "exported")
    assert run("export", f"{there}/shards/main", "--format", "pairs", "--out", out) == 0
    assert len(list(Path(out).rglob("*.json"))) >= 12


def test_what_an_address_cannot_be_is_said_in_one_line(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = f"{bucket}/x"
    for words, problem in (
        (("takedown", there, "some-key"), "neither an enriched dataset nor a shard set is there"),
        (("train", "demo", "--shards", there), "say where runs go: --out"),
        (("card", there), "there is no such model"),
        (("compare", there, f"{there}/y"), "holds no evaluation/"),
        (("evaluate", there, "--shards", there), "there is no such model"),
        (("publish", there, "--repo", "a/b"), "no manifest.json there"),
        (("select", there), "no dataset there"),
        (("build", there, "--selection", "main"), "no dataset there"),
        (("report", there), "no dataset there"),
    ):
        assert run(*words) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert problem in line
        assert there in line


def test_a_dataset_that_is_not_there_is_said(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for address, problem in {
        f"{bucket}/nothing": "no dataset there; crawl or import into it first",
        "s3://no-such-bucket/x": "there is no bucket no-such-bucket; make it first",
        "s3://": "not an address",
    }.items():
        assert run("enrich", address) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert problem in line


def test_defects_of_shards_behind_an_address_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = make_dataset(tmp_path)
    build_shards(layout, "main", BuildOptions(shard_bytes=40_000))
    there = memory()
    fill(there, layout.shards("main"))
    store = open_store(there)
    tar, *_, last = [name for name in store.sizes() if name.endswith(".tar")]
    with store.at_hand([tar]) as folder:
        data = bytearray((folder / tar).read_bytes())
        data[600] ^= 1
        (folder / tar).write_bytes(data)
    store.remove(last)
    with store.writing("data/other.txt") as path:
        path.write_bytes(b"1")
    assert run("verify", there) == 1
    assert capsys.readouterr().out.splitlines()[:3] == [
        f"{tar}: its bytes are not those that the manifest's SHA-256 names",
        f"{last}: missing",
        "data/other.txt: not in the manifest",
    ]
    assert run("verify", memory()) == 2
    assert "nothing there; give the address of what `build` wrote" in capsys.readouterr().err
