"""What is known about near-duplicates, part by part: `catalog/fingerprints` and `catalog/pairs`.

Both mirror `enriched/`. A fingerprint file holds the hashes of a part's pictures; a pairs file the
candidates between the part and all parts that were there when it was compared, with what the second
look said once there was one. The files are the state: a part with a pairs file has been compared
with every other part that has one. A file carries the digest of the part that it was made from, and
goes when the part changes or vanishes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from enrich.duplicates.windows import WINDOWS
from shards.atomic import atomic_path, remove_temporaries
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import Status

VERSION = "1"
"""Raise it when windows, hashes or alignment change: everything is then compared anew."""

WINDOW_COLUMNS = [f"window_{number}" for number in range(len(WINDOWS))]
FINGERPRINT_SCHEMA = pa.schema(
    [
        ("raw_offset", pa.int64()),
        ("view", pa.int32()),
        ("content", pa.int64()),  # the beginning of sha256: what is equal anyway needs no look
        *((name, pa.int64()) for name in WINDOW_COLUMNS),  # 0: the window is too smooth
    ]
)
PAIRS_SCHEMA = pa.schema(
    [
        ("part_segment", pa.string()),  # the picture that is a window of the other one
        ("part_offset", pa.int64()),
        ("part_view", pa.int32()),
        ("whole_segment", pa.string()),
        ("whole_offset", pa.int64()),
        ("whole_view", pa.int32()),
        ("window", pa.int32()),  # of `whole`, into WINDOWS
        ("distance", pa.int32()),  # bits
        ("other", pa.string()),  # digest of the other picture's part when they were compared
        ("agreement", pa.float64()),  # null until somebody had to look
        ("overlap", pa.float64()),
        ("map", pa.list_(pa.float64())),  # six numbers: from pixels of `part` to those of `whole`
    ]
)


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part of the dataset, and the digest of the rows that matter here."""

    segment: str
    """The raw segment, inside the dataset."""
    rows: Path
    fingerprints: Path
    pairs: Path
    digest: str

    def below(self, root: Path, other: Path) -> "Part":
        """The same with its files below another folder than `root`."""
        return replace(
            self,
            rows=other / self.rows.relative_to(root),
            fingerprints=other / self.fingerprints.relative_to(root),
            pairs=other / self.pairs.relative_to(root),
        )


def find_parts(connection: duckdb.DuckDBPyConnection, layout: DatasetLayout) -> list[Part]:
    """All parts, sorted by path. Their digests change when a kept row or its picture does."""
    paths = layout.parts()
    if not paths:
        return []
    digests = dict(
        connection.execute(
            f"""
            SELECT filename, bit_xor(md5_number_lower(concat_ws('/', raw_segment, raw_offset, view,
                sha256, phash, tar, tar_offset, tar_size)))::VARCHAR || '-' || count(*)
            FROM read_parquet($parts, filename = true)
            WHERE status = '{Status.KEPT}' AND tar IS NOT NULL GROUP BY filename
            """,  # noqa: S608 - a constant
            {"parts": [duckdb_path(path) for path in paths]},
        ).fetchall()
    )
    return [_part(layout, path, digests.get(str(path.resolve()), "empty")) for path in paths]


def _part(layout: DatasetLayout, rows: Path, digest: str) -> Part:
    inside = rows.relative_to(layout.enriched)
    return Part(
        segment=layout.relative(layout.raw / inside.with_suffix(".tar")),
        rows=rows,
        fingerprints=layout.catalog / "fingerprints" / inside,
        pairs=layout.catalog / "pairs" / inside,
        digest=digest,
    )


def remove_stale(layout: DatasetLayout, parts: Iterable[Part], distance: int) -> None:
    """Removes files of parts that changed or are gone, and pairs of another Hamming distance."""
    wanted: dict[Path, dict[str, str]] = {}
    for part in parts:
        wanted[part.fingerprints] = fingerprint_mark(part)
        wanted[part.pairs] = pairs_mark(part, distance)
    for name in ("fingerprints", "pairs"):
        for folder in (layout.catalog / name).glob("*/"):
            remove_temporaries(folder)
            for path in folder.glob("*.parquet"):
                if _mark(path) != wanted.get(path):
                    path.unlink()


def fingerprint_mark(part: Part) -> dict[str, str]:
    return {"version": VERSION, "part": part.digest}


def pairs_mark(part: Part, distance: int) -> dict[str, str]:
    return fingerprint_mark(part) | {"distance": str(distance)}


def write_marked(path: Path, table: pa.Table, mark: dict[str, str]) -> None:
    """A Parquet file that says what it was made from."""
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(mark), temporary, compression="zstd")


def _mark(path: Path) -> dict[str, str] | None:
    try:
        metadata: dict[bytes, Any] = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    return {key.decode(): value.decode() for key, value in metadata.items()}
