"""A shard directory that stands alone loses samples: what is left is what a build would write."""

import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.manifest import load_manifest
from shards.named import Named
from shards.shardset import finish_set
from shards.store import Folder
from shards.takedown import keys_to_remove, rewrite_without
from shards.verify import verify_shards
from tests.shards import datasets
from tests.shards.chunks import new_bytes
from tests.shards.datasets import (
    edit_json,
    make_dataset,
    metadata_row,
    snapshot,
    write_part,
    write_selection,
)

ROWS = [metadata_row(number) for number in range(40)]
LIMIT = BuildOptions(shard_bytes=30_000)
JPEG = b"\xff\xd8%s\xff\xd9"
GONE = ["file-000007", "file-000031"]


def build(root: Path, rows: Sequence[dict[str, object]] = ROWS) -> Path:
    """A shard set of these rows of a dataset that has all of them."""
    layout = make_dataset(root, ROWS)
    write_selection(layout, "main", rows)
    return Path(build_shards(layout, "main", LIMIT).path)


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A copy of a shard set, without its dataset."""
    built = build(tmp_path / "data")
    shutil.copytree(built, tmp_path / "main")
    return tmp_path / "main"


def test_the_same_bytes_as_a_build_without_them(alone: Path, tmp_path: Path) -> None:
    before = snapshot(alone)
    done = rewrite_without(alone, [*GONE, "file-999999"])
    after = snapshot(alone)
    fresh = snapshot(build(tmp_path / "fresh", [row for row in ROWS if row["key"] not in GONE]))
    shards = [name for name in fresh if name.startswith(("data/", "metadata/"))]
    assert {name: after[name] for name in shards} == {name: fresh[name] for name in shards}
    assert after["attribution.csv"] == fresh["attribution.csv"]
    assert done.removed == 2
    assert 1 <= done.written <= 4
    assert done.shards == len(list(alone.glob("data/*.tar"))) > 8
    tars, kept = ({d for n, d in files.items() if ".tar" in n} for files in (before, after))
    assert len(tars & kept) >= len(tars) - 4
    assert verify_shards(alone).defects == []
    manifest = load_manifest(alone)
    assert manifest.opted_out == GONE
    assert manifest.samples == 38
    assert b"2 samples of the selection are left out" in after["README.md"]


def test_again_changes_nothing(alone: Path) -> None:
    rewrite_without(alone, GONE)
    before = snapshot(alone)
    assert rewrite_without(alone, GONE).removed == 0
    assert snapshot(alone) == before


def test_one_after_the_other_or_both_at_once(alone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "main"
    shutil.copytree(alone, other)
    rewrite_without(alone, GONE)
    for key in GONE:
        rewrite_without(other, [key])
    assert snapshot(other) == snapshot(alone)


def test_all_of_it(alone: Path) -> None:
    assert rewrite_without(alone, [str(row["key"]) for row in ROWS]).shards == 0
    assert not alone.exists()


def test_names(alone: Path) -> None:
    row = ROWS[3]
    assert keys_to_remove(alone, Named(keys=["file-000003"]))[0] == ["file-000003"]
    assert keys_to_remove(alone, Named(hashes=[str(row["sha256"])]))[0] == ["file-000003"]
    keys, tars = keys_to_remove(alone, Named(), "country_code = 'SE' AND phash < 7")
    assert keys == ["file-000000", "file-000003", "file-000006"]
    assert set(tars) == set(keys)
    assert all((alone / tar).is_file() for tar in tars.values())
    with pytest.raises(UsageError, match="no capture has this"):
        keys_to_remove(alone, Named(keys=["file-000099"]))
    with pytest.raises(UsageError, match="country_code"):
        keys_to_remove(alone, Named(), "contry = 'SE'")


def test_a_name_that_was_removed_before_is_no_error(alone: Path) -> None:
    rewrite_without(alone, GONE)
    assert keys_to_remove(alone, Named(keys=GONE))[0] == []


def test_addresses_and_copies(tmp_path: Path) -> None:
    rows = [
        metadata_row(0, source_url="https://example.org/0"),
        metadata_row(1, extra='{"url": "https://example.org/picture/1.jpg"}'),
        metadata_row(2, sha256=ROWS[0]["sha256"]),
        metadata_row(3, key="pano-v0"),
        metadata_row(4, key="pano-v1", view=1, sha256=ROWS[3]["sha256"]),
        *(metadata_row(number) for number in range(5, 9)),
    ]
    layout = DatasetLayout(tmp_path)
    write_part(layout, "test-000000", [row | {"status": "kept"} for row in rows])
    write_selection(layout, "main", rows)
    shards = Path(build_shards(layout, "main").path)

    def found(**names: list[str]) -> list[str]:
        return keys_to_remove(shards, Named(**names))[0]

    assert found(urls=["https://example.org/0"]) == ["file-000000", "file-000002"]
    assert found(urls=["https://example.org/picture/1.jpg"]) == ["file-000001"]
    assert found(keys=["pano"]) == found(keys=["pano-v1"]) == ["pano-v0", "pano-v1"]


def test_a_damaged_set_stays_as_it_was(alone: Path) -> None:
    tar = max(alone.glob("data/*.tar"), key=lambda path: path.stat().st_size)
    [gone, _, *_] = (
        str(row["key"]) for row in ROWS if str(row["key"]).encode() in tar.read_bytes()
    )
    data = bytearray(tar.read_bytes())
    tar.write_bytes(data[:600])
    before = snapshot(alone)
    with pytest.raises(WorkError):
        rewrite_without(alone, [gone])
    assert snapshot(alone) == before


def test_a_set_of_another_version(alone: Path) -> None:
    edit_json(alone / "manifest.json", columns=[{"name": "key", "type": "string"}])
    with pytest.raises(WorkError, match="other columns"):
        rewrite_without(alone, GONE)


def test_stopped_between_any_two_moves(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is listed in between is there, and nothing that was removed."""
    shutil.copytree(alone, tmp_path / "copy" / "main")
    rewrite_without(tmp_path / "copy" / "main", GONE)
    expected = snapshot(tmp_path / "copy" / "main")
    original = snapshot(alone)
    real = os.replace
    staging = alone.with_name(f".tmp-{alone.name}")
    moves = 0
    for stop in (0, 1, 4, 9, 14, 1000):
        shutil.rmtree(alone, ignore_errors=True)
        shutil.rmtree(staging, ignore_errors=True)
        for name, data in original.items():
            (alone / name).parent.mkdir(parents=True, exist_ok=True)
            (alone / name).write_bytes(data)
        moves = 0

        def stopping(source: Path, final: Path, stop: int = stop) -> None:
            nonlocal moves
            if ".tmp-main" in str(source) and ".tmp-main" not in str(final):
                moves += 1
                if moves > stop:
                    raise KeyboardInterrupt
            real(source, final)

        monkeypatch.setattr(os, "replace", stopping)
        try:
            rewrite_without(alone, GONE)
            break
        except KeyboardInterrupt:
            monkeypatch.setattr(os, "replace", real)
        if (alone / "manifest.json").is_file():
            assert verify_shards(alone).defects == []
        finish_set(Folder(alone.parent), alone.name)
        rewrite_without(alone, GONE)
        assert snapshot(alone) == expected, stop
        assert not staging.exists()
    assert moves > 5


@pytest.mark.slow
def test_what_a_removal_of_one_percent_leaves_to_upload(tmp_path: Path) -> None:
    """Of pictures of 20 kB; positions are random, so each file has something that goes."""
    rows = [metadata_row(number) for number in range(1_000)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "picture", lambda n: JPEG % random.Random(n).randbytes(20_000))
        layout = make_dataset(tmp_path / "data", rows)
    built = Path(build_shards(layout, "main").path)
    left = tmp_path / "main"
    shutil.copytree(built, left)
    rewrite_without(left, [str(row["key"]) for row in random.Random(1).sample(rows, 10)])
    files = [
        sorted(path for path in folder.rglob("*") if path.is_file()) for folder in (built, left)
    ]
    new, all_bytes = new_bytes(*files)
    assert new <= 0.03 * all_bytes
