"""`select --from`: the same selection again, from its two files or from its record alone.

With `selection.parquet` beside the record its rows are looked up here, and both files are taken
over unchanged. Without it the options are run again. Either gives the same keys, splits and labels,
or an error that says what is missing, and nothing is written.
"""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from queries.selection.missing import find_missing, write_list
from queries.selection.options import Options
from queries.selection.origin import copy_segments
from queries.selection.select import select
from queries.selection.written import ROWS, both_written, read_record, read_rows
from queries.views.catalogue import connect
from shards.atomic import dump_json
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout

_COMPARED = {
    "country_code": "country",
    "region_id": "region",
    "lat": "position",
    "lon": "position",
    "source": "source",
    "url": "address",
    "content": "picture",
}
"""Columns that must be the same here, and what they are called."""


def reproduce(layout: DatasetLayout, source: Path, name: str | None = None) -> dict[str, Any]:
    """Writes the selection that `source`, a `selection.json`, describes; returns its record.

    It keeps its name unless another is given. Raises UsageError when `source` is no selection's
    record, WorkError when this dataset does not give the same rows.
    """
    record = read_record(source)
    name = record["name"] if name is None else name
    folder = layout.selection(name)
    beside = source.with_name(ROWS)
    if not beside.is_file():
        return _run_again(layout, source, record, name)
    given = read_rows(beside, record)
    connection = connect(layout)
    missing = find_missing(connection, given)
    if missing:
        raise WorkError(f"{source}: {missing.text()}")
    _check_same(connection, given, source)
    record |= {"name": name}
    with both_written(folder) as (rows, record_path):
        shutil.copyfile(beside, rows)
        record_path.write_text(dump_json(record), encoding="utf-8")
    return record


def complete(
    layout: DatasetLayout, source: Path, origin: str | None, list_path: Path | None
) -> None:
    """Gets the segments that the selection `source` needs and this dataset lacks from `origin`.

    With `list_path` it writes there what `crawl urls` can capture again. Returns when nothing is
    missing. Raises WorkError that says what to do next, UsageError without the selection's rows.
    """
    record = read_record(source)
    beside = source.with_name(ROWS)
    if not beside.is_file():
        raise UsageError(
            f"{beside}: not there, and the record alone does not say which samples it means;"
            " copy both files"
        )
    missing = find_missing(connect(layout), read_rows(beside, record))
    if not missing:
        return
    done = []
    if list_path is not None:
        listed = write_list(missing, list_path)
        done.append(
            f"wrote {listed:,} web addresses to {list_path} for `lostfound crawl urls`"
            if listed
            else "no web address gives any of them again"
        )
    if origin is not None and missing.absent:
        keys = {sample.key for sample in missing.absent}
        copied = copy_segments(layout, origin, keys)
        done.append(
            f"copied {copied.segments:,} segment(s) ({copied.bytes:,} bytes) with"
            f" {copied.found:,} of the {len(keys):,} missing samples"
        )
    raise WorkError(
        f"{source}: {missing.text(advise=False)}; {', '.join(done) or 'nothing to copy'};"
        f" run `lostfound enrich {layout.root}`, then the same command again"
    )


def _run_again(
    layout: DatasetLayout, source: Path, record: dict[str, Any], name: str
) -> dict[str, Any]:
    """Selects by the record's options; nothing is replaced unless the same rows come out."""

    def check(found: dict[str, Any]) -> None:
        same = ("keys_sha256", "counts", "labels")
        if all(found[part] == record[part] for part in same):
            return
        counts = " and ".join(
            ", ".join(f"{count} {split}" for split, count in one["counts"].items())
            for one in (record, found)
        )
        what = "samples" if found["keys_sha256"] != record["keys_sha256"] else "labels"
        raise WorkError(
            f"{source}: its options give other {what} here ({counts}); put its {ROWS} beside it"
            " to see which are missing"
        )

    options = Options.from_json(record["options"], str(source))
    return select(layout, name, options, check=check)


def _check_same(connection: duckdb.DuckDBPyConnection, given: pa.Table, source: Path) -> None:
    """Raises WorkError when a row's place, label, source or picture is another one here."""
    connection.register("given", given.select(["key", *_COMPARED]))
    columns = ", ".join(
        f"count(*) FILTER (given.{name} IS DISTINCT FROM here.{name}) AS {name},"
        f" min(key) FILTER (given.{name} IS DISTINCT FROM here.{name})"
        for name in _COMPARED
    )
    [counts] = connection.execute(
        f"""SELECT count(*), {columns} FROM given JOIN here USING (key)"""  # noqa: S608
    ).fetchall()
    connection.unregister("given")
    if counts[0] != given.num_rows:
        raise WorkError(
            f"{source}: some of its keys stand in the samples twice; `lostfound enrich` finds"
            " duplicates"
        )
    for number, (name, what) in enumerate(_COMPARED.items()):
        count, first = counts[1 + 2 * number : 3 + 2 * number]
        if count:
            raise WorkError(
                f"{source}: {count} of its {given.num_rows} samples have another {what} here"
                f" (first: {first}; column {name}); they are not the same captures, or enriched"
                " with another version"
            )
