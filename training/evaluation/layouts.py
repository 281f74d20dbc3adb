"""Test sets of others: which image was taken where, from a folder or a table as they publish them.

- `im2gps3k`, `yfcc4k`: images, and a table with IMG_ID (a file name), LAT and LON, as GeoEstimation
  publishes them (`im2gps3k_places365.csv`, `yfcc25600_places365.csv`).
- `osv5m`: `test.csv` with id, latitude and longitude; images as `<id>.jpg` in folders of any depth.
- `csv`: any CSV or Parquet table; columns by their usual names, or as `--columns` says.
- `folder`: photographs with positions in their EXIF data.

`auto` takes the table of the folder, else EXIF; so too where no row of it is of an image
there. Pixels are not looked at here.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enrich.geo.position import Position, parse_position
from shards.errors import UsageError
from shards.paths import inside

Layout = Literal["auto", "im2gps3k", "yfcc4k", "osv5m", "csv", "folder"]
USUAL_NAMES = {
    "image": ("img_id", "id", "image", "file", "filename", "file_name", "image_id", "path", "name"),
    "lat": ("lat", "latitude", "gps_latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "gps_longitude", "x"),
}
"""Columns by what they hold, best first; upper and lower case are the same."""
_NAMED_TABLES = {
    "im2gps3k": "im2gps3k*.csv",
    "yfcc4k": "yfcc*.csv",
    "osv5m": "test.csv",
}
_SUFFIXES = {
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".mpo"
}  # fmt: skip
_TABLES = {".csv", ".parquet"}
Reason = Literal[
    "missing", "outside", "no_position", "invalid_position", "too_large", "undecodable", "repeated"
]
"""Why an image cannot be used: all that there are."""


@dataclass(frozen=True, slots=True)
class Found:
    """An image that can be evaluated, if its pixels can be read."""

    name: str
    """Path from the root of the images, with slashes."""
    path: Path
    position: Position


@dataclass(frozen=True, slots=True)
class Refused:
    name: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestSet:
    root: Path
    layout: str
    found: list[Found]
    """In order of names."""
    refused: list[Refused]


def read_test_set(
    images: Path, layout: Layout = "auto", columns: Mapping[str, str] | None = None
) -> TestSet:
    """`images`: a folder, or a table beside or above its images. `columns`: which hold `image`,
    `lat` and `lon`, where their names do not say so. Raises UsageError when there is nothing.
    """
    if not images.exists():
        raise UsageError(f"{images}: no such folder or table; give --images")
    if layout != "auto" or images.is_file():
        return _read(images, layout, columns or {})
    try:
        return _read(images, layout, columns or {})
    except UsageError:
        by_exif = _collected(images, "folder", _by_exif(images))
        if by_exif.found:
            return by_exif
        raise


def _read(images: Path, layout: Layout, columns: Mapping[str, str]) -> TestSet:
    root = images if images.is_dir() else images.parent
    table = images if images.is_file() else _table_in(images, layout)
    if table is not None and table.suffix.lower() not in _TABLES:
        raise UsageError(f"{images}: not a .csv or .parquet table, and not a folder")
    if layout == "folder" or table is None:
        read = _collected(root, "folder", _by_exif(root))
    else:
        chosen = "csv" if layout == "auto" else layout
        read = _collected(root, chosen, _by_table(root, table, columns))
    if not read.found:
        refused = read.refused
        why = f" ({refused[0].name}: {refused[0].reason})" if refused else ""
        raise UsageError(f"{images}: no image with a position{why}; see --layout and --columns")
    return read


def _collected(root: Path, layout: str, entries: Iterable[Found | Refused]) -> TestSet:
    """Each image once, in order of names."""
    found: dict[str, Found] = {}
    refused: list[Refused] = []
    for entry in entries:
        if isinstance(entry, Refused):
            refused.append(entry)
        elif entry.name in found:
            refused.append(Refused(entry.name, "repeated"))
        else:
            found[entry.name] = entry
    return TestSet(root, layout, [found[name] for name in sorted(found)], refused)


def _table_in(folder: Path, layout: Layout) -> Path | None:
    """The table of a folder; None where EXIF has to say. Raises UsageError when unsure."""
    if layout == "folder":
        return None
    pattern = _NAMED_TABLES.get(layout)
    if pattern:
        names = sorted(folder.rglob(pattern))
    else:
        names = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES)
    if len(names) > 1 and layout != "osv5m":
        listed = ", ".join(path.name for path in names[:3])
        raise UsageError(f"{folder}: several tables ({listed}); name the one to read")
    if not names and layout != "auto":
        raise UsageError(f"{folder}: holds no {pattern or '.csv or .parquet'}; see --layout")
    return names[0] if names else None


def _by_table(root: Path, table: Path, columns: Mapping[str, str]) -> Iterator[Found | Refused]:
    rows = _rows(table)
    names = _choose(table, rows[0] if rows else {}, columns)
    index = _index(root)
    for number, row in enumerate(rows):
        text = _text(row.get(names["image"])).strip()
        name = text or f"row {number + 1}"
        position = parse_position(_text(row.get(names["lat"])), _text(row.get(names["lon"])))
        path = index.get(text) or index.get(Path(text).stem if text else "")
        if text and path is None and inside(root, text) is None:
            yield Refused(name, "outside", "a path that leaves the folder")
        elif path is None:
            yield Refused(name, "missing", "no such image in the folder")
        elif position is None:
            yield Refused(name, "no_position")
        elif not isinstance(position, Position):
            yield Refused(name, "invalid_position", position.detail)
        else:
            yield Found(path.relative_to(root).as_posix(), path, position)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rows(table: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if table.suffix.lower() == ".parquet":
            rows: list[dict[str, Any]] = pq.read_table(table).to_pylist()
            return rows
        with open(table, encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"{table}: not a readable table ({error})") from None


def _choose(table: Path, row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    by_lower = {str(name).strip().lower(): name for name in row if name is not None}
    chosen = {}
    for field, usual in USUAL_NAMES.items():
        wanted = (columns[field].lower(),) if field in columns else usual
        name = next((by_lower[text] for text in wanted if text in by_lower), None)
        if name is None:
            raise UsageError(
                f"{table}: no column for {field}; it has {', '.join(map(str, by_lower)) or 'none'};"
                f" say which with --columns {field}=NAME"
            )
        chosen[field] = name
    return chosen


def _index(root: Path) -> dict[str, Path]:
    """Images below the folder by relative path, by name and by name without its ending."""
    found: dict[str, Path] = {}
    for path in _images(root):
        for name in (path.relative_to(root).as_posix(), path.name, path.stem):
            found.setdefault(name, path)
    return found


def _images(root: Path) -> Iterator[Path]:
    """In order of names. Links that leave the folder are no images of it."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix.lower() in _SUFFIXES and path.is_file() and inside(root, name) is not None:
            yield path


def _by_exif(root: Path) -> Iterator[Found | Refused]:
    for path in _images(root):
        name = path.relative_to(root).as_posix()
        position = exif_position(path)
        if isinstance(position, Position):
            yield Found(name, path, position)
        elif position is None:
            yield Refused(name, "no_position", "no position in its EXIF data")
        else:
            yield Refused(name, "invalid_position", position)


def exif_position(path: Path) -> Position | str | None:
    """Of the GPS tags of Exif 2.32; None without them, a text for what is no position.

    Without its reference (N or S, E or W) a coordinate could lie on either half of the Earth.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            gps = dict(opened.getexif().get_ifd(0x8825))
    except Exception:  # Pillow raises nearly anything for damaged files
        return None
    if not {1, 2, 3, 4} <= gps.keys():
        return None
    try:
        lat, lon = (
            sum(float(part) / 60**power for power, part in enumerate(gps[tag][:3]))
            * (-1 if str(gps[tag - 1]).upper().startswith(negative) else 1)
            for tag, negative in ((2, "S"), (4, "W"))
        )
    except (TypeError, ValueError, ZeroDivisionError):
        return "its EXIF position is no number"
    found = parse_position(repr(lat), repr(lon))
    return found if isinstance(found, Position) or found is None else found.detail
