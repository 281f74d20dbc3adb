"""One raw segment in, one enriched part out: the kept images and a row for every capture.

Pure: knows nothing of Ray or the command line. Holds one photograph's pixels at a time. The same
segment and options give the same bytes. The rows' file is written last, so it marks a whole part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import cv2

from enrich.filters import Evidence, Filter, default_filters, first_rejection
from enrich.geo.locators import make_locator
from enrich.geo.places import Place, locate_captures
from enrich.geo.regions import load_region_table
from enrich.images.decode import Header, Pixels, oversized
from enrich.images.pictures import Picture, take_pictures
from enrich.options import EnrichOptions, KeepOriginal
from enrich.part import BATCH_CAPTURES, PartSummary, batches, row_table, summarise_part, write_rows
from enrich.rejection import Rejection
from enrich.rows import (
    Row,
    capture_columns,
    image_columns,
    kept_columns,
    original_columns,
    picture_columns,
    place_columns,
    rejected_columns,
    view_columns,
)
from enrich.scores.quality import score
from shards.atomic import atomic_file
from shards.capture import Capture
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.members import ORIGINAL, extension
from shards.schema import Reason
from shards.segment import RawSample, read_segment
from shards.tar import END_OF_ARCHIVE, write_member


@dataclass(frozen=True, slots=True)
class Part:
    """The open files of one part and what all its captures share."""

    options: EnrichOptions
    filters: list[Filter]
    raw: BinaryIO
    raw_name: str
    images: BinaryIO
    images_name: str


@dataclass(frozen=True, slots=True)
class Located:
    """One capture of a segment, before its image is looked at."""

    sample: RawSample
    capture: Capture
    place: Place


def enrich_segment(layout: DatasetLayout, segment: Path, options: EnrichOptions) -> PartSummary:
    """Writes the part of one sealed raw segment, unless it is there already.

    Raises WorkError for a segment that is not a whole tar; nothing is written then.
    """
    rows_path = layout.part_rows(segment)
    if not rows_path.exists():
        with open_part(layout, segment, options) as part:
            located = locate_segment(segment, options)
            rows = row_table(row for one in located for row in enrich_capture(part, one))
        write_rows(rows_path, rows, options)
    return summarise_part(layout, segment)


def locate_segment(segment: Path, options: EnrichOptions) -> Iterator[Located]:
    """The captures of a segment in its order.

    Raises WorkError, at the end, when it is not a whole tar.
    """
    locator = make_locator(
        load_region_table(options.borders), options.countries, options.regions, options.limit_km
    )
    for samples in batches(read_segment(segment), BATCH_CAPTURES):
        captures = [_record(sample, segment.parent.name) for sample in samples]
        places = locate_captures(captures, locator)
        yield from map(Located, samples, captures, places)


@contextmanager
def open_part(layout: DatasetLayout, segment: Path, options: EnrichOptions) -> Iterator[Part]:
    """Opens a segment and its part's images, which appear, complete, at the end."""
    tar = layout.part_tar(segment)
    with open(segment, "rb") as raw, atomic_file(tar) as images:
        yield Part(
            options=options,
            filters=default_filters(options),
            raw=raw,
            raw_name=layout.relative(segment),
            images=images,
            images_name=layout.relative(tar),
        )
        images.write(END_OF_ARCHIVE)


def enrich_capture(part: Part, one: Located) -> list[Row]:
    """Its rows; the images of those that are kept go into the part."""
    damage = _damage(one.sample)
    data, header, pictures = _look(part, one, damage)
    capture = capture_columns(one.sample, one.capture, part.raw_name)
    capture |= place_columns(one.place) | image_columns(data, header)
    rows: list[Row] = []
    original: Row = {}
    for picture in pictures:
        row = capture | (view_columns(capture, picture.view) if picture.view else {})
        scores = score(picture.pixels) if picture.pixels is not None else None
        row |= picture_columns(scores, picture.blurred)
        evidence = Evidence(damage or picture.rejection, scores, one.place)
        rejection = first_rejection(part.filters, evidence)
        if rejection is not None:
            rows.append(row | rejected_columns(rejection))
            continue
        assert picture.pixels is not None  # without pixels there is a rejection
        row |= _store(part, row, picture.pixels, data)
        if part.options.keep_original is KeepOriginal.BESIDE:
            # Once for all views. The key is the capture's, whichever of them are kept.
            original = original or _store_original(part, capture["key"], data)
        rows.append(row | original)
    return rows


def _look(
    part: Part, one: Located, damage: Rejection | None
) -> tuple[bytes, Header | None, list[Picture]]:
    """The captured bytes, read only when there are not too many, and what is in them."""
    if problem := oversized(one.sample.image_size):
        return b"", None, [Picture(None, problem)]
    part.raw.seek(one.sample.image_offset)
    data = part.raw.read(one.sample.image_size)
    # What is damaged is one row, even if its image is a panorama.
    options = replace(part.options, views=0) if damage else part.options
    return data, *take_pictures(data, one.capture.extra, options)


def _store(part: Part, row: Row, pixels: Pixels, data: bytes) -> Row:
    """The row's image in the part: the pixels as JPEG, or the captured bytes instead."""
    if part.options.keep_original is KeepOriginal.INSTEAD:
        offset = write_member(part.images, f"{row['key']}.{extension(row['format'])}", data)
        size = row["source_width"], row["source_height"]
        columns = kept_columns(*size, part.images_name, offset, len(data))
        return columns | original_columns(offset, len(data))
    quality = [cv2.IMWRITE_JPEG_QUALITY, part.options.jpeg_quality]
    _, encoded = cv2.imencode(".jpg", pixels, quality)
    image = encoded.tobytes()
    offset = write_member(part.images, f"{row['key']}.jpg", image)
    size = part.options.width, part.options.height
    return kept_columns(*size, part.images_name, offset, len(image))


def _store_original(part: Part, key: str, data: bytes) -> Row:
    return original_columns(write_member(part.images, f"{key}.{ORIGINAL}", data), len(data))


def _record(sample: RawSample, source: str) -> Capture:
    """The sample's record, or an empty one in its place when it is damaged."""
    return sample.capture or Capture(key=sample.key, source=source, source_id="")


def _damage(sample: RawSample) -> Rejection | None:
    """What is wrong with the pair of image and record itself."""
    problem = sample.problem
    if sample.capture is not None and sample.capture.key != sample.key:
        problem = f"the record belongs to {sample.capture.key[:80]!r}"
    elif not is_key(sample.key):
        # It would become a file name in the part.
        problem = "the member's name is not a key"
    elif not problem and not sample.image_size:
        problem = "the image member is missing or empty"
    return Rejection(Reason.UNDECODABLE, problem) if problem else None
