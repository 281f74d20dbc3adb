"""The fingerprints of one part: reads its stored pictures once."""

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enrich.duplicates.fingerprint import Small, fingerprint, shrink
from enrich.duplicates.store import (
    FINGERPRINT_SCHEMA,
    WINDOW_COLUMNS,
    Part,
    fingerprint_mark,
    write_marked,
)
from enrich.duplicates.windows import HEIGHT, WIDTH, WINDOWS
from shards.errors import WorkError
from shards.layout import DatasetLayout
from shards.schema import Status

_PLACE = ("tar", "tar_offset", "tar_size")


def describe_part(layout: DatasetLayout, part: Part) -> None:
    """Writes the fingerprints of a part's kept pictures.

    Raises WorkError, in one line, when the stored pictures are not where the rows say.
    """
    cv2.setNumThreads(1)
    columns = ["raw_offset", "view", "sha256", "status", *_PLACE]
    rows = pq.read_table(part.rows, columns=columns)
    stored = pc.and_(pc.equal(rows["status"], str(Status.KEPT)), pc.is_valid(rows["tar"]))
    rows = rows.filter(pc.and_(stored, pc.is_valid(rows["sha256"])))
    places = zip(*(rows[name].to_pylist() for name in _PLACE), strict=True)
    hashes = np.empty((rows.num_rows, len(WINDOWS)), np.uint64)
    for number, place in enumerate(places):
        hashes[number] = fingerprint(read_picture(layout, *place))
    contents = [int(text[:15], 16) for text in rows["sha256"].to_pylist()]
    found = {name: rows[name] for name in ("raw_offset", "view")} | {"content": contents}
    found |= {
        name: pa.array(hashes[:, column].view(np.int64))
        for column, name in enumerate(WINDOW_COLUMNS)
    }
    write_marked(
        part.fingerprints,
        pa.table(found).select(FINGERPRINT_SCHEMA.names).cast(FINGERPRINT_SCHEMA),
        fingerprint_mark(part),
    )


def read_picture(layout: DatasetLayout, tar: str, offset: int, size: int) -> Small:
    """A stored picture, grey and small."""
    data = np.frombuffer(layout.store.read_range(tar, offset, size), np.uint8)
    # libjpeg's scaled decode, where half the size is enough.
    pixels = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_2) if size else None
    if pixels is not None and (pixels.shape[1] < WIDTH or pixels.shape[0] < HEIGHT):
        pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise WorkError(
            f"{layout}/{tar}: no picture at byte {offset}; delete the part and enrich again"
        )
    return shrink(np.asarray(pixels, dtype=np.uint8))
