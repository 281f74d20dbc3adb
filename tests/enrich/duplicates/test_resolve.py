"""Copies of pictures in a whole dataset, found step by step."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enrich.duplicates import look
from enrich.duplicates.alignment import Alignment
from enrich.duplicates.fingerprint import Small
from enrich.duplicates.levels import count_captures, find_duplicates
from enrich.duplicates.options import DuplicateOptions, stored_options
from enrich.duplicates.resolve import Work
from enrich.duplicates.windows import Matrix
from enrich.images.decode import Pixels
from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, encoded, write_segment

Named = dict[str, bytes]


def scenery(seed: int) -> Pixels:
    """(360, 640, 3): coloured shapes of several sizes, no two seeds alike."""
    chance = np.random.default_rng(seed)
    picture = np.full((360, 640, 3), 120, np.float32)
    for cells in (4, 8, 16, 32):
        noise = chance.normal(0, 45, (cells, 2 * cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (640, 360), interpolation=cv2.INTER_NEAREST)
    return np.clip(picture, 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def copies(seed: int) -> list[bytes]:
    """From the best to the worst: whole, dim, compressed, cut."""
    whole = scenery(seed)
    return [
        jpeg(whole, 96),
        jpeg((whole * 0.85).astype(np.uint8), 90),
        jpeg(whole, 60),
        jpeg(whole[20:345, 30:610], 95),
    ]


SEGMENTS: dict[str, Named] = {
    "w-000000": {"a0": copies(1)[0], "b3": copies(2)[3], "c0": copies(3)[0]},
    "w-000001": {"a1": copies(1)[1], "b0": copies(2)[0], "d0": copies(4)[0]},
    "w-000002": {"a3": copies(1)[3], "b2": copies(2)[2], "a2": copies(1)[2]},
}
CLUSTERS = {"a0": {"a0", "a1", "a2", "a3"}, "b0": {"b0", "b2", "b3"}}


def add(layout: DatasetLayout, name: str, pictures: Named) -> None:
    """A segment and its part; every picture at a place of its own."""
    places = {key: {"lat": f"{55.5 + ord(key[0]) / 1000:.3f}{key[1]}"} for key in pictures}
    captures = [(capture(key, **places[key]), data, "jpg") for key, data in pictures.items()]
    segment = write_segment(layout, name, captures)
    enrich_segment(layout, segment, EnrichOptions())


def dataset(root: Path, *names: str) -> DatasetLayout:
    layout = DatasetLayout(root)
    for name in names or SEGMENTS:
        add(layout, name, SEGMENTS[name])
    return layout


def clusters(layout: DatasetLayout) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in pq.read_table(layout.clusters).to_pylist():
        found.setdefault(row["cluster"], set()).add(row["key"])
        assert row["survivor"] == (row["cluster"] == row["key"])
    return found


def catalogue(layout: DatasetLayout) -> tuple[bytes, bytes]:
    return layout.duplicates.read_bytes(), layout.clusters.read_bytes()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every pair of pictures that is laid over each other, by what they show."""
    seen: list[tuple[str, str]] = []
    align = look.align

    def watched(part: Small, whole: Small, start: Matrix) -> Alignment:
        one, other = sorted(hashlib.sha256(p.tobytes()).hexdigest() for p in (part, whole))
        seen.append((one, other))
        return align(part, whole, start)

    monkeypatch.setattr(look, "align", watched)
    return seen


def test_copies_are_found_and_the_best_stays(tmp_path: Path) -> None:
    layout = dataset(tmp_path)
    work = find_duplicates(layout)
    assert clusters(layout) == CLUSTERS
    assert count_captures(layout).rejected == {"duplicate_view": 5}
    assert (work.described, work.comparisons) == (3, 9 * 8 // 2)
    rows = {row["key"]: row for row in pq.read_table(layout.duplicates).to_pylist()}
    assert {(row["reason"], row["level"]) for row in rows.values()} == {
        ("duplicate_view", "picture")
    }
    assert rows["a1"]["detail"].startswith("the picture of a0: ")
    cut = next(row for row in pq.read_table(layout.clusters).to_pylist() if row["key"] == "a3")
    assert cut["overlap"] == pytest.approx(580 * 325 / (640 * 360), abs=0.03)
    assert cut["agreement"] > 0.8


@pytest.mark.parametrize("order", list(itertools.permutations(SEGMENTS)))
def test_one_by_one_in_any_order_is_the_same(
    tmp_path: Path, looks: list[tuple[str, str]], order: tuple[str, ...]
) -> None:
    find_duplicates(once := dataset(tmp_path / "once"))
    at_once = len(looks)
    looks.clear()
    layout, pictures = DatasetLayout(tmp_path / "growing"), 0
    for name in order:
        add(layout, name, SEGMENTS[name])
        work = find_duplicates(layout)
        # The new part with itself and with everything before it, and nothing else.
        assert (work.described, work.comparisons) == (1, 3 * 2 // 2 + 3 * pictures)
        pictures += 3
    assert catalogue(layout) == catalogue(once)
    assert len(set(looks)) == len(looks) >= at_once > 0


def test_nothing_new_is_no_work(tmp_path: Path, looks: list[tuple[str, str]]) -> None:
    layout = dataset(tmp_path)
    find_duplicates(layout)
    before = catalogue(layout)
    assert find_duplicates(layout) == Work()
    # Another threshold may need a look at other pairs, but no hash and no pair again.
    work = find_duplicates(layout, DuplicateOptions(min_overlap=0.95))
    assert work == Work(looks=work.looks)
    assert "a3" not in clusters(layout)["a0"]
    assert find_duplicates(layout, DuplicateOptions()) == Work()
    assert catalogue(layout) == before
    assert len(set(looks)) == len(looks)


def test_a_part_that_changed_is_compared_again(tmp_path: Path) -> None:
    layout = dataset(tmp_path)
    find_duplicates(layout)
    part = layout.part_rows(layout.raw_source("test") / "w-000000.tar")
    part.unlink()
    (layout.raw_source("test") / "w-000000.tar").unlink()
    changed = {"a0": copies(1)[0], "e0": copies(5)[0], "c0": copies(4)[1]}
    add(layout, "w-000000", changed)
    work = find_duplicates(layout)
    assert (work.described, work.comparisons) == (1, 3 + 3 * 6)
    fresh = DatasetLayout(tmp_path / "fresh")
    for name, pictures in {**SEGMENTS, "w-000000": changed}.items():
        add(fresh, name, pictures)
    find_duplicates(fresh)
    assert catalogue(layout) == catalogue(fresh)
    assert clusters(layout)["d0"] == {"d0", "c0"}


def test_a_part_that_went_and_came_back(tmp_path: Path) -> None:
    layout = dataset(tmp_path / "one")
    find_duplicates(layout)
    before = catalogue(layout)
    part = layout.part_rows(layout.raw_source("test") / "w-000001.tar")
    away = part.rename(tmp_path / "away.parquet")
    find_duplicates(layout)
    assert clusters(layout) == {"a0": {"a0", "a2", "a3"}, "b2": {"b2", "b3"}}
    away.rename(part)
    assert find_duplicates(layout).described == 1
    assert catalogue(layout) == before


def test_what_the_deny_list_takes_is_no_survivor(tmp_path: Path) -> None:
    from enrich.deny import deny_rules
    from shards.denylist import Kind, Rule

    layout = dataset(tmp_path)
    find_duplicates(layout)
    deny_rules(layout, [Rule(Kind.KEY, "a0", "", "", "2026-11-22T00:00:00+00:00")])
    assert clusters(layout) == {"a1": {"a1", "a2", "a3"}, "b0": {"b0", "b2", "b3"}}


def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_duplicates(whole := dataset(tmp_path / "whole"))
    layout = dataset(tmp_path / "killed")
    from enrich.duplicates import candidates

    write, written = candidates.write_marked, []

    def killed(path: Path, *values: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *values)

    monkeypatch.setattr(candidates, "write_marked", killed)
    with pytest.raises(KeyboardInterrupt):
        find_duplicates(layout)
    monkeypatch.undo()
    work = find_duplicates(layout)
    assert (work.described, work.comparisons) == (0, 3 + 3 * 6)
    assert catalogue(layout) == catalogue(whole)
    pairs = [pq.read_table(p) for p in sorted((layout.catalog / "pairs").rglob("*.parquet"))]
    identities = pa.concat_tables(pairs).select(
        ["part_segment", "part_offset", "whole_segment", "whole_offset"]
    )
    assert len(identities.group_by(identities.column_names).aggregate([])) == len(identities)


def test_the_same_bytes_and_the_views_of_one_capture_are_not_looked_at(
    tmp_path: Path, looks: list[tuple[str, str]]
) -> None:
    layout = DatasetLayout(tmp_path)
    add(layout, "w-000000", {"a0": copies(1)[0], "z9": copies(1)[0]})
    find_duplicates(layout)
    assert looks == []
    assert count_captures(layout).rejected == {"duplicate_bytes": 1}


def test_it_can_be_off(tmp_path: Path) -> None:
    layout = dataset(tmp_path)
    assert find_duplicates(layout, DuplicateOptions(similar=False)) == Work()
    assert clusters(layout) == {}
    assert not (layout.catalog / "pairs").exists()
    # What was said last holds where nothing is said.
    assert stored_options(layout) == DuplicateOptions(similar=False)
    find_duplicates(layout)
    assert clusters(layout) == {}


def test_pictures_that_are_not_there(tmp_path: Path) -> None:
    layout = dataset(tmp_path, "w-000000")
    tar = layout.part_tar(layout.raw_source("test") / "w-000000.tar")
    tar.write_bytes(b"\0" * tar.stat().st_size)
    with pytest.raises(WorkError, match=r"w-000000\.tar: no picture at byte 512; delete the part"):
        find_duplicates(layout)


def test_options_that_make_no_sense() -> None:
    for values in (
        {"hash_distance": 13},
        {"min_agreement": 0.0},
        {"min_overlap": 1.1},
        {"thin_m": -1.0},
        {"same_view_m": 20_000.0},
        {"heading_tolerance": 181.0},
    ):
        with pytest.raises(UsageError, match=next(iter(values))):
            DuplicateOptions(**values)  # type: ignore[arg-type]


def test_encodings_do_not_matter(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    add(layout, "w-000000", {"a0": encoded(scenery(9), "png"), "a1": jpeg(scenery(9), 40)})
    find_duplicates(layout)
    assert clusters(layout) == {"a0": {"a0", "a1"}}
