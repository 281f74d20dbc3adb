"""Changed copies of one picture, in a whole dataset: brings up to date what is known, and settles.

The steps, each skipping what its files have already: fingerprints of new parts, candidates between
new parts and all, a look at the candidates that the answer needs. What was seen is written back, so
that no pair is looked at twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from enrich.duplicates.alignment import Alignment
from enrich.duplicates.candidates import compare_new_parts
from enrich.duplicates.clusters import Candidate, Drop, Limits
from enrich.duplicates.describe import describe_part
from enrich.duplicates.look import Place, look_at
from enrich.duplicates.options import DuplicateOptions
from enrich.duplicates.store import (
    PAIRS_SCHEMA,
    Part,
    find_parts,
    pairs_mark,
    remove_stale,
    write_marked,
)
from shards.console import progress
from shards.fanout import fan_out
from shards.layout import DatasetLayout
from shards.paths import duckdb_path

FOUND_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # these two are numbers of the table `remaining`
        ("stays", pa.int64()),
        ("distance", pa.int32()),  # bits between hashes
        ("agreement", pa.float64()),
        ("overlap", pa.float64()),
        ("metres", pa.float64()),
        ("detail", pa.string()),
    ]
)
"""What a level has found: rows that go, and the better ones that stay."""

_FEW_PARTS = 4
"""Not worth the start of Ray."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one run had to do."""

    described: int = 0
    """Parts whose pictures were hashed."""
    comparisons: int = 0
    """Pairs of pictures compared by their hashes."""
    candidates: int = 0
    """Of these, the ones that are near."""
    looks: int = 0
    """Pairs of pictures laid over each other."""


def find_copies(
    connection: duckdb.DuckDBPyConnection,
    layout: DatasetLayout,
    options: DuplicateOptions,
    best_first: str,
    workers: int,
) -> tuple[pa.Table, Work]:
    """The rows of the table `remaining` that are copies of better ones, by their numbers."""
    parts = find_parts(connection, layout)
    remove_stale(layout, parts, options.hash_distance)
    described = _describe(layout, parts, workers)
    compared = compare_new_parts(parts, options.hash_distance, threads=workers)
    pairs, pictures = _load(connection, parts, best_first)
    candidates = _candidates(pairs)
    places: list[Place] = list(
        zip(
            *(pictures[name].to_pylist() for name in ("tar", "tar_offset", "tar_size")), strict=True
        )
    )
    limits = Limits(options.min_agreement, options.min_overlap)
    drops, looks = _settle(layout, candidates, places, limits, workers)
    _remember(parts, options.hash_distance, pairs, looks)
    work = Work(described, compared.comparisons, compared.candidates, len(looks))
    return _found(pairs, pictures, drops), work


def _describe(layout: DatasetLayout, parts: Sequence[Part], workers: int) -> int:
    missing = [part for part in parts if not part.fingerprints.exists()]

    def task(part: Part) -> None:
        with layout.at_hand(part.rows, part.rows.with_suffix(".tar")) as here:
            describe_part(here, part.below(layout.root, here.root))

    workers = workers if len(missing) > _FEW_PARTS else 1
    with progress("duplicates", len(missing)) as advance:
        for _ in fan_out(task, missing, workers=workers):
            advance()
    layout.receive(part.fingerprints for part in missing)
    return len(missing)


def _load(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], best_first: str
) -> tuple[pa.Table, pa.Table]:
    """The candidates among the remaining rows, and their pictures from the best to the worst."""
    known = pa.table(
        {
            "filename": [str(part.pairs.resolve()) for part in parts],
            "file": list(range(len(parts))),
            "digest": [part.digest for part in parts],
        }
    )
    connection.register("known", known)
    files = [duckdb_path(part.pairs) for part in parts]
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE near AS
        SELECT k.file, p.file_row_number AS entry, p.window, p.distance,
            p.agreement, p.overlap, p.map,
            a.row AS part, b.row AS whole
        FROM read_parquet($files, filename = true, file_row_number = true) AS p
        JOIN known AS k USING (filename)
        JOIN remaining AS a ON a.raw_segment = p.part_segment
            AND a.raw_offset = p.part_offset AND a.view = p.part_view
        JOIN remaining AS b ON b.raw_segment = p.whole_segment
            AND b.raw_offset = p.whole_offset AND b.view = p.whole_view
        WHERE p.other IN (SELECT digest FROM known)
        """,
        {"files": files},
    )
    pictures = connection.sql(
        f"""
        SELECT row, key, tar, tar_offset, tar_size FROM remaining
        WHERE row IN (SELECT part FROM near UNION SELECT whole FROM near) ORDER BY {best_first}
        """  # noqa: S608 - a constant
    ).to_arrow_table()
    ranks = pa.table({"row": pictures["row"], "rank": np.arange(pictures.num_rows)})
    connection.register("ranks", ranks)
    pairs = connection.sql(
        """
        SELECT file, entry, "window", distance, agreement, overlap, "map",
            a.rank AS part, b.rank AS whole
        FROM near JOIN ranks AS a ON a.row = near.part JOIN ranks AS b ON b.row = near.whole
        ORDER BY a.rank, b.rank, "window"
        """
    ).to_arrow_table()
    connection.unregister("known")
    connection.unregister("ranks")
    return pairs, pictures


def _candidates(pairs: pa.Table) -> list[Candidate]:
    names = ("part", "whole", "window", "agreement", "overlap", "map")
    return [
        Candidate(
            part,
            whole,
            window,
            None if map_ is None else Alignment(agreement, overlap, tuple(map_)),
        )
        for part, whole, window, agreement, overlap, map_ in zip(
            *(pairs[name].to_pylist() for name in names), strict=True
        )
    ]


def _settle(
    layout: DatasetLayout,
    candidates: Sequence[Candidate],
    places: Sequence[Place],
    limits: Limits,
    workers: int,
) -> tuple[list[Drop], dict[int, Alignment]]:
    drops: list[Drop] = []
    looks: dict[int, Alignment] = {}
    for numbers, settled in look_at(layout, candidates, places, limits, workers):
        looks |= {numbers[number]: alignment for number, alignment in settled.looks.items()}
        drops += [replace(drop, candidate=numbers[drop.candidate]) for drop in settled.drops]
    return drops, looks


def _remember(
    parts: Sequence[Part], distance: int, pairs: pa.Table, looks: dict[int, Alignment]
) -> None:
    """Writes what was seen into the files that the candidates came from."""
    files, entries = pairs["file"].to_numpy(), pairs["entry"].to_numpy()
    seen: dict[int, dict[int, Alignment]] = defaultdict(dict)
    for number, alignment in looks.items():
        seen[int(files[number])][int(entries[number])] = alignment
    for file, alignments in sorted(seen.items()):
        path = parts[file].pairs
        rows = pq.read_table(path).to_pylist()
        for entry, alignment in alignments.items():
            rows[entry] |= asdict(alignment)
        table = pa.Table.from_pylist(rows, schema=PAIRS_SCHEMA)
        write_marked(path, table, pairs_mark(parts[file], distance))


def _found(pairs: pa.Table, pictures: pa.Table, drops: Sequence[Drop]) -> pa.Table:
    rows, keys, distances = pictures["row"], pictures["key"], pairs["distance"]
    found = []
    for drop in drops:
        distance, agreement = distances[drop.candidate].as_py(), drop.alignment.agreement
        found.append(
            {
                "row": rows[drop.picture].as_py(),
                "stays": rows[drop.copy_of].as_py(),
                "distance": distance,
                "agreement": agreement,
                "overlap": drop.alignment.overlap,
                "detail": f"the picture of {keys[drop.copy_of]}: {agreement:.0%} of it agrees",
            }
        )
    return pa.Table.from_pylist(found, schema=FOUND_SCHEMA)
