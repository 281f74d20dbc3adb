"""`import`: photographs on disk become captures like any others, each once, bytes as found."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from crawler.imports.exif import exif_fields, walk
from crawler.imports.found import Found, Problem
from crawler.imports.magic import HEAD_BYTES, UNKNOWN_EXTENSION, image_extension
from crawler.imports.pairs import pairs
from crawler.imports.table import Table
from crawler.spool import Spool
from shards.capture import Capture
from shards.console import print_line, progress
from shards.errors import UsageError
from shards.keys import file_key, make_key
from shards.layout import DatasetLayout

WRITER = "import"
MAX_IMAGE_BYTES = 256 << 20
FORMATS = ("exif", "csv", "pairs")
Defaults = Mapping[str, str]
Describe = Callable[[bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """found = imported + already_there + the sum of problems. Skipped files are not found ones."""

    found: int
    """Photographs that the folder holds or the table names."""
    imported: int
    already_there: int
    """Same bytes, or same round, as a capture of this import or an earlier one."""
    skipped: int
    """Files of the folder that are no images."""
    problems: dict[str, int]
    """By reason. Each one was printed with its path."""
    segments: list[str]
    """The segment that this run sealed last of each source, relative to the dataset."""


def import_photos(
    path: Path,
    layout: DatasetLayout,
    form: str,
    *,
    columns: Mapping[str, str] | None = None,
    defaults: Defaults | None = None,
) -> ImportSummary:
    """Imports a folder (`exif`), a table (`csv`) or the report's files (`pairs`) into a dataset.

    `columns` names columns of the table; `defaults` holds capture fields, like `license`, for
    photographs that have none of their own. One photograph is in memory at a time. Raises
    UsageError when there is nothing to import.
    """
    found, describe = _open_format(path, form, columns or {})
    if not any(item.is_image for item in found):
        raise UsageError(f"{path}: holds no photographs for --format {form}")
    found, _ = _open_format(path, form, columns or {})
    with _Spools(layout) as spools:
        counts = _spool_all(spools, found, describe, defaults or {})
        segments = spools.seal()
    problems = {str(reason): counts[reason] for reason in Problem if counts[reason]}
    return ImportSummary(
        found=counts["imported"] + counts["already_there"] + sum(problems.values()),
        imported=counts["imported"],
        already_there=counts["already_there"],
        skipped=counts["skipped"],
        problems=problems,
        segments=[layout.relative(segment) for segment in segments],
    )


class _Spools:
    """One spool for each source that comes."""

    def __init__(self, layout: DatasetLayout) -> None:
        self._layout = layout
        self._open: dict[str, Spool] = {}
        self._stack = ExitStack()

    def of(self, source: str) -> Spool:
        if source not in self._open:
            spool = Spool(self._layout.raw_source(source), WRITER)
            self._open[source] = self._stack.enter_context(spool)
        return self._open[source]

    def seal(self) -> list[Path]:
        sealed = [spool.seal() for _, spool in sorted(self._open.items())]
        return [segment for segment in sealed if segment is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _open_format(
    path: Path, form: str, columns: Mapping[str, str]
) -> tuple[Iterator[Found], Describe]:
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    if form == "csv":
        return Table(path, columns).rows(), lambda _: {}
    if form not in FORMATS:
        raise UsageError(f"--format {form}: use exif, csv or pairs")
    if columns:
        raise UsageError("--column: only a table has columns; use it with --format csv")
    if not path.is_dir():
        raise UsageError(f"{path}: not a directory; --format {form} takes a folder of photographs")
    return (walk(path), exif_fields) if form == "exif" else (pairs(path), lambda _: {})


def _spool_all(
    spools: _Spools, found: Iterator[Found], describe: Describe, defaults: Defaults
) -> Counter[str]:
    counts: Counter[str] = Counter()
    with progress("photographs", None) as advance:
        for item in found:
            outcome = _spool_one(spools, item, describe, defaults)
            counts[outcome] += 1
            if isinstance(outcome, Problem):
                print_line(f"not imported: {item.relative or 'a row'}: {outcome}")
            advance()
    return counts


def _spool_one(spools: _Spools, item: Found, describe: Describe, defaults: Defaults) -> str:
    """Imports one photograph; gives `imported`, `already_there`, `skipped` or a Problem."""
    if not item.is_image:
        return "skipped"
    if item.problem or item.path is None:
        return item.problem or Problem.MISSING
    try:
        if item.path.stat().st_size > MAX_IMAGE_BYTES:
            return Problem.TOO_LARGE
        image = item.path.read_bytes()
    except OSError:
        return Problem.UNREADABLE
    if item.identity:
        key = make_key(item.source, *item.identity)
    else:
        key = file_key(hashlib.sha256(image).hexdigest())
    spool = spools.of(item.source)
    if key in spool:
        return "already_there"
    known = {**item.fields, **describe(image)}
    own = {name: value for name, value in known.items() if value}
    capture = Capture(key=key, source=item.source, source_id=item.relative, **{**defaults, **own})
    spool.add(capture, image, image_extension(image[:HEAD_BYTES]) or UNKNOWN_EXTENSION)
    return "imported"
