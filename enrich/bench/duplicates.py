"""How well duplicates are found: pair precision and recall on pictures whose copies are known.

The pictures are photographs from a folder and pictures of the playground. The module
`enrich.duplicates.copies` makes copies and near-misses, and says how strong each change is. They go
through the whole stage, as captures. Two pictures count as a pair when they end up in one cluster.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from enrich.bench.hashes import duckdb_band_join, planted
from enrich.duplicates.copies import copies, near_misses
from enrich.duplicates.hamming import near_within
from enrich.duplicates.levels import find_duplicates
from enrich.duplicates.options import DuplicateOptions
from enrich.images.decode import Pixels
from enrich.images.resize import resize
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.capture import Capture
from shards.errors import UsageError, WorkError
from shards.fanout import fan_out
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter

SIZE = (960, 540)
"""Of the pictures that copies are made from."""
PER_SUBJECT = 14
"""The original, ten copies, three near-misses."""
_SUBJECTS_PER_SEGMENT = 40
_BASELINE_HASHES = 1_000_000
_GOOD = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture that copies are made of: a file, and which part of it."""

    number: int
    file: Path
    tile: int
    """0 for the whole; 1 to 4 for a quarter."""

    def pixels(self) -> Pixels:
        read = cv2.imread(str(self.file))
        if read is None:
            raise UsageError(f"{self.file}: not a picture; give a folder of photographs")
        whole = np.asarray(read, np.uint8)
        if self.tile:
            high, wide = whole.shape[0] // 2, whole.shape[1] // 2
            row, column = divmod(self.tile - 1, 2)
            whole = whole[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        if whole.shape[1] < SIZE[0] or whole.shape[0] < SIZE[1]:
            factor = max(SIZE[0] / whole.shape[1], SIZE[1] / whole.shape[0])
            whole = np.asarray(cv2.resize(whole, None, fx=factor, fy=factor), np.uint8)
        return resize(whole, *SIZE)


def bench_duplicates(
    images: int, hashes: int, photos: Path | None, workers: int, folder: Path | None = None
) -> dict[str, Any]:
    """At least `images` pictures through the stage, then `hashes` hashes in another process."""
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        root = Path(directory)
        subjects = _subjects(root, -(-images // PER_SUBJECT), photos)
        layout = DatasetLayout(root / "dataset")
        made = dict(_write(layout, subjects, workers))
        enrich_dataset(layout, EnrichOptions(), workers=workers, say=lambda _: None)
        seconds, work = _timed(layout, workers)
        scores = _scores(layout, made)
    ours, baseline = _speeds(workers)
    return {
        "name": "duplicates",
        "ours": round(ours),
        "baseline": round(baseline),
        "ratio": round(ours / baseline, 2),
        "unit": f"hashes/s against a DuckDB join on the same bands, {_BASELINE_HASHES} hashes",
        "cpus": workers,
        **scores,
        "photographs": sum(photos is not None and photos in one.file.parents for one in subjects),
        "seconds_per_1000_images": round(1000 * seconds / len(made), 2),
        "looks": work.looks,
        **_all_pairs(hashes, workers),
    }


def _subjects(root: Path, count: int, photos: Path | None) -> list[Subject]:
    """Every photograph and its quarters, then as many pictures of the playground as are missing."""
    found: list[tuple[Path, int]] = []
    if photos is not None:
        if not photos.is_dir():
            raise UsageError(f"--photos {photos}: no such folder; leave it out to use none")
        files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in _GOOD)
        found = [(path, tile) for path in files for tile in range(5)][:count]
    if missing := count - len(found):
        found += [(path, 0) for path in _playground(root / "playground", missing)]
    return [Subject(number, path, tile) for number, (path, tile) in enumerate(found)]


def _playground(out: Path, count: int) -> list[Path]:
    """Pictures of the playground, drawn by the command: this stage knows nothing of crawlers."""
    main = "import lostfound; lostfound.main()"
    command = [sys.executable, "-c", main, "playground", "--export", str(count)]
    size = ["--width", str(SIZE[0]), "--height", str(SIZE[1])]
    done = subprocess.run([*command, *size, "--out", str(out)], capture_output=True, text=True)
    if done.returncode:
        raise WorkError(f"the playground drew nothing ({done.stderr.strip().splitlines()[-1:]})")
    return sorted(out.glob("*.jpg"))


Known = tuple[str, tuple[int, str, bool]]
"""Key, and of which subject the picture is, of which kind, and whether it is a copy."""


def _write(layout: DatasetLayout, subjects: Sequence[Subject], workers: int) -> Iterator[Known]:
    """Everything made of the subjects, as captures at different places."""
    starts = range(0, len(subjects), _SUBJECTS_PER_SEGMENT)
    chunks = [subjects[start : start + _SUBJECTS_PER_SEGMENT] for start in starts]

    def task(chunk: Sequence[Subject]) -> list[Known]:
        cv2.setNumThreads(1)
        return list(_write_segment(layout, chunk))

    for known in fan_out(task, chunks, workers=workers):
        yield from known


def _write_segment(layout: DatasetLayout, subjects: Sequence[Subject]) -> Iterator[Known]:
    name = f"bench-{subjects[0].number:06d}"
    with SegmentWriter(layout.raw_source("bench"), name) as writer:
        for subject in subjects:
            random = np.random.default_rng(subject.number)
            pixels = subject.pixels()
            every = [*copies(pixels, random), *near_misses(pixels, random)]
            for place, made in enumerate(every):
                number = subject.number * PER_SUBJECT + place
                key = f"bench-{number:08d}"
                # All over France, no two at one place.
                at = {"lat": f"{44 + number % 1000 / 300:.6f}", "lon": f"{1 + number / 1e5:.6f}"}
                flags = [cv2.IMWRITE_JPEG_QUALITY, made.quality]
                data = cv2.imencode(".jpg", made.pixels, flags)[1].tobytes()
                writer.append(Capture(key=key, source="bench", source_id=key, **at), data, "jpg")
                yield key, (subject.number, made.kind, made.copy)
        writer.seal()


def _timed(layout: DatasetLayout, workers: int) -> tuple[float, Any]:
    """Seconds for all levels of duplicates from nothing, and what there was to do."""
    for name in ("pairs", "fingerprints"):
        for path in (layout.catalog / name).rglob("*.parquet"):
            path.unlink()
    begin = time.perf_counter()
    work = find_duplicates(layout, DuplicateOptions(), workers=workers)
    return time.perf_counter() - begin, work


def _scores(layout: DatasetLayout, made: dict[str, tuple[int, str, bool]]) -> dict[str, Any]:
    """Precision and recall over pairs, and the recall of every kind with its original."""
    kept = {
        key
        for part in layout.parts()
        for key in pq.read_table(part, columns=["key"], filters=[("status", "=", "kept")])[
            "key"
        ].to_pylist()
    }
    clusters = pq.read_table(layout.clusters, columns=["cluster", "key"]).to_pylist()
    cluster_of = {row["key"]: row["cluster"] for row in clusters}
    members: dict[str, list[str]] = defaultdict(list)
    for key, cluster in cluster_of.items():
        members[cluster].append(key)
    # What a picture shows: its subject's copies show one thing, each near-miss its own.
    shows = {key: (made[key][0], "" if made[key][2] else key) for key in kept}
    pairs = [pair for keys in members.values() for pair in combinations(keys, 2)]
    right = sum(shows[one] == shows[other] for one, other in pairs)
    sizes = Counter(shows.values())
    there = sum(size * (size - 1) // 2 for size in sizes.values())
    originals = {made[key][0]: key for key in kept if made[key][1] == "original"}
    kinds: dict[str, list[bool]] = defaultdict(list)
    for key in sorted(kept):
        subject, kind, copy = made[key]
        original = originals.get(subject)
        if copy and kind != "original" and original is not None:
            same = cluster_of.get(key, key) == cluster_of.get(original, original)
            kinds[kind].append(same)
    wrong = Counter(
        kind
        for one, other in pairs
        if shows[one] != shows[other]
        for kind in {made[one][1], made[other][1]}
    )
    return {
        "images": len(made),
        "kept": len(kept),
        "precision": round(right / len(pairs), 5) if pairs else 1.0,
        "recall": round(right / there, 5) if there else 1.0,
        "by_kind": {kind: round(sum(hits) / len(hits), 5) for kind, hits in sorted(kinds.items())},
        "wrong_pairs": dict(sorted(wrong.items())),
    }


def _speeds(threads: int) -> tuple[float, float]:
    """Hashes per second, ours and DuckDB's, which must find the same."""
    distance = DuplicateOptions().hash_distance
    hashes, _ = planted(_BASELINE_HASHES, distance)
    begin = time.perf_counter()
    found = sum(len(near.left) for near in near_within(hashes, distance, threads=threads))
    ours = time.perf_counter() - begin
    baseline, there = duckdb_band_join(hashes, distance, threads)
    if found != there:
        raise WorkError(f"{found} pairs, but DuckDB finds {there}")
    return len(hashes) / ours, len(hashes) / baseline


def _all_pairs(count: int, threads: int) -> dict[str, Any]:
    """The search alone, in a process of its own, so that the memory is its own."""
    if not count:
        return {}
    arguments = [str(count), str(DuplicateOptions().hash_distance), str(threads)]
    command = [sys.executable, "-m", "enrich.bench.hashes", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    name = "seconds_10m" if count == 10_000_000 else "seconds_hashes"
    return {
        "hashes": count,
        name: measured["seconds"],
        "memory_mb": measured["memory_mb"],
        "recall_hashes": measured["recall"],
    }
