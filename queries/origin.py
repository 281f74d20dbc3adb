"""Copies sealed raw segments from another copy of a dataset: a folder, or any URL fsspec knows.

The origin's `enriched/*/*.parquet` say in which segment each sample stands. A segment is taken
whole, and gets its name only when it is a whole archive and holds the pictures that its rows name.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shards.atomic import atomic_path
from shards.console import Advance, progress
from shards.errors import UsageError, WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.read import read_range
from shards.segment import OPEN_SUFFIX, read_segment

_COLUMNS = ["key", "raw_segment", "raw_offset", "raw_size", "sha256"]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A captured picture in a segment."""

    key: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Copied:
    segments: list[str]
    """Paths inside the dataset, sorted."""
    bytes: int
    found: int
    """Keys that the origin has."""


def copy_segments(layout: DatasetLayout, origin: str, keys: Collection[str]) -> Copied:
    """Copies the segments in which `origin` has captures of `keys`; those here stay as they are.

    Raises UsageError when the origin is no dataset that can be read, WorkError when it lacks a
    segment, when a segment is damaged, or when another one of the same name is here.
    """
    with _explained(origin):
        system, root = fsspec.core.url_to_fs(origin)
        wanted = _segments(system, root, keys, origin)
        here = {name: layout.root / name for name in wanted}
        missing = {name: path for name, path in here.items() if not path.exists()}
        for name in wanted.keys() - missing.keys():
            _check_pictures(here[name], wanted[name], f"{here[name]}: another segment than that")
        copied = 0
        with progress("segments", len(missing)) as advance:
            for name, path in sorted(missing.items()):
                copied += _copy(system, f"{root}/{name}", path, wanted[name], advance)
    found = {picture.key for pictures in wanted.values() for picture in pictures}
    return Copied(sorted(missing), copied, len(found))


def _segments(
    system: Any, root: str, keys: Collection[str], origin: str
) -> dict[str, list[Picture]]:
    """By name, the segments that hold a capture of one of the keys, with those captures."""
    # Not a glob: the folder's own name may have characters that mean something there.
    files = map(str, system.find(f"{root}/enriched", maxdepth=2))
    parts = sorted(file for file in files if _is_part(file))
    if not parts:
        raise UsageError(f"{origin}: no enriched/*/*.parquet there; give a copy of the dataset")
    wanted = pa.array(sorted(keys), pa.string())
    found: dict[str, dict[int, Picture]] = {}
    with progress("parts of the origin", len(parts)) as advance:
        for part in parts:
            with system.open(part, "rb") as file:
                table = pq.read_table(file, columns=_COLUMNS)
            for row in table.filter(pc.is_in(table["key"], wanted)).to_pylist():
                picture = Picture(row["key"], row["raw_offset"], row["raw_size"], row["sha256"])
                # The views of a panorama are one capture.
                found.setdefault(_checked(row["raw_segment"], part), {})[picture.offset] = picture
            advance()
    return {name: list(pictures.values()) for name, pictures in found.items()}


def _is_part(file: str) -> bool:
    return file.endswith(".parquet") and not file.rpartition("/")[2].startswith(".")


def _checked(name: str, part: str) -> str:
    """`raw/<source>/<segment>.tar`, and nothing else that a stranger's table may say."""
    folder, _, rest = (name or "").partition("/")
    source, _, file = rest.partition("/")
    stem = file.removesuffix(".tar")
    sealed = file.endswith(".tar") and not file.endswith(OPEN_SUFFIX)
    if folder != "raw" or not sealed or not is_key(source) or not is_key(stem):
        raise WorkError(f"{part}: {name!r} is not the name of a segment; the origin is damaged")
    return name


def _copy(system: Any, remote: str, final: Path, pictures: list[Picture], advance: Advance) -> int:
    with atomic_path(final) as temporary:
        with system.open(remote, "rb") as source, open(temporary, "wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        size = temporary.stat().st_size
        for _ in read_segment(temporary):
            pass
        _check_pictures(temporary, pictures, f"{remote}: damaged: it does not hold the picture")
    advance()
    return size


def _check_pictures(path: Path, pictures: list[Picture], problem: str) -> None:
    for picture in pictures:
        data = read_range(path, picture.offset, picture.size)
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise WorkError(f"{problem} of {picture.key}")


@contextmanager
def _explained(origin: str) -> Iterator[None]:
    """Turns what file systems raise into one line."""
    try:
        yield
    except FileNotFoundError as error:
        missing = error.filename or error
        raise WorkError(f"{origin}: {missing} is not there; give a whole copy") from None
    except (ValueError, ImportError, OSError, pa.ArrowException) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise WorkError(f"{origin}: cannot be read ({first})") from None
