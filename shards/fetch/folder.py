"""What `fetch` leaves: images, `metadata.parquet`, `attribution.csv`, and a journal to go on from.

An image appears whole, then its line in the journal. A sample is there and right when its file has
the SHA-256 of that line, so whoever stops at any point only fetches the rest.
"""

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import TEMPORARY_PREFIX, atomic_path, remove_temporaries, write_text
from shards.attribution import ATTRIBUTION_NAME, COLUMNS
from shards.errors import UsageError, WorkError
from shards.fetch.places import Place
from shards.fetch.sample import Fetched, table_of
from shards.keys import is_key
from shards.sample import SAMPLE_FIELDS

JOURNAL_NAME = ".fetched.jsonl"
METADATA_NAME = "metadata.parquet"
_PLACE_SCHEMA = pa.schema(
    [
        ("file_name", pa.string()),
        ("image_sha256", pa.string()),
        ("tar", pa.string()),
        ("tar_offset", pa.int64()),
        ("tar_size", pa.int64()),
    ]
)
NOT_MORE = frozenset({*SAMPLE_FIELDS, *_PLACE_SCHEMA.names})
"""Columns that the table has whatever the condition names."""


@dataclass(frozen=True, slots=True)
class Line:
    """Of the journal: one image that is in the folder."""

    tar_sha256: str
    start: int
    key: str
    image_sha256: str
    record: dict[str, Any]


class Folder:
    """The directory that `fetch` writes into.

    Raises UsageError when it holds anything and no earlier fetch wrote it.
    """

    def __init__(self, directory: Path, extension: str) -> None:
        self._directory = directory
        self._extension = extension
        journal = directory / JOURNAL_NAME
        if directory.is_dir() and any(directory.iterdir()) and not journal.is_file():
            raise UsageError(
                f"{directory}: is not empty, and no fetch wrote it; give another --out"
            )
        directory.mkdir(parents=True, exist_ok=True)
        remove_temporaries(directory)
        self._lines = {(line.tar_sha256, line.start): line for line in _read_journal(journal)}
        self._journal = open(journal, "a", encoding="utf-8")  # noqa: SIM115 - see close

    def close(self) -> None:
        self._journal.close()

    def holds(self, place: Place) -> bool:
        """Whether the sample of that place is there and right."""
        line = self._lines.get((place.tar_sha256, place.start))
        if line is None:
            return False
        path = self._image(line.key)
        if not path.is_file() or path.stat().st_size != place.size:
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == line.image_sha256

    def add(self, place: Place, sample: Fetched) -> None:
        path = self._image(sample.key)
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
        temporary.write_bytes(sample.image)
        os.replace(temporary, path)
        digest = hashlib.sha256(sample.image).hexdigest()
        line = Line(place.tar_sha256, place.start, sample.key, digest, sample.record)
        self._journal.write(_text(line))
        self._journal.flush()
        self._lines[place.tar_sha256, place.start] = line

    def finish(self, places: Iterable[Place], more: pa.Schema) -> None:
        """Writes the tables, in the order of `places`, and removes images of other samples.

        `more` are columns whose values the places bring.
        """
        held = [(place, self._lines[place.tar_sha256, place.start]) for place in places]
        keys = {line.key for _, line in held}
        for line in self._lines.values():
            if line.key not in keys:
                self._image(line.key).unlink(missing_ok=True)
        records = [
            place.values
            | line.record
            | {
                "file_name": self._image(line.key).name,
                "image_sha256": line.image_sha256,
                "tar": place.tar,
                "tar_offset": place.start,
                "tar_size": place.size,
            }
            for place, line in held
        ]
        table = table_of(records, pa.schema([*_PLACE_SCHEMA, *more]))
        with atomic_path(self._directory / METADATA_NAME) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        write_text(self._directory / ATTRIBUTION_NAME, _attribution(records))
        write_text(self._directory / JOURNAL_NAME, "".join(_text(line) for _, line in held))

    def _image(self, key: str) -> Path:
        return self._directory / f"{key}.{self._extension}"


def _attribution(records: Iterable[dict[str, Any]]) -> str:
    """Whom to name, with the columns that the table of a shard set has."""
    names = ("attribution", "license", "license_url", "source")
    counts = Counter(tuple(record[name] or "" for name in names) for record in records)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*who, count) for who, count in sorted(counts.items()))
    return text.getvalue()


def _text(line: Line) -> str:
    return json.dumps(asdict(line), ensure_ascii=False) + "\n"


def _read_journal(path: Path) -> Iterable[Line]:
    """The lines; a last one that was cut off is left out."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            found = Line(**json.loads(line)) if line else None
        except (ValueError, TypeError):
            continue
        if found is not None and not is_key(found.key):
            raise WorkError(f"{path}:{number}: {found.key!r} is not a key; give another --out")
        if found is not None:
            yield found
