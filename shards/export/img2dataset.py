"""The layout of img2dataset: `<split>/NNNNN.tar` with NNNNN.parquet and NNNNN_stats.json.

A key is the shard's five digits and the row's number in it. The Parquet lists captures that became
no sample, too, with status `failed_to_resize` and our reason as the message, where the export is of
a dataset; those that must not be published are left out. Times are 0: the same input gives the same
bytes.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import atomic_file, atomic_path, write_json
from shards.export.task import ExportTask
from shards.members import JSON
from shards.read import Sample, iterate_samples
from shards.sample import SAMPLE_FIELDS
from shards.tar import END_OF_ARCHIVE, write_member

SUCCESS, FAILED = "success", "failed_to_resize"
_RENAMED = {"key": "source_key", "source_url": "url"}
_OWN = ("width", "height", "sha256")
_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64()}
SCHEMA = pa.schema(
    [
        *(
            (_RENAMED.get(name, name), _TYPES[kind])
            for name, kind in SAMPLE_FIELDS.items()
            if name not in _OWN
        ),
        ("key", pa.string()),
        ("status", pa.string()),
        ("error_message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("original_width", pa.int32()),
        ("original_height", pa.int32()),
        ("exif", pa.string()),
        ("sha256", pa.string()),
    ]
)


class Img2dataset:
    """`--format img2dataset`."""

    name = "img2dataset"
    lists_failed = True

    def check(self, tasks: Sequence[ExportTask]) -> None:
        """Takes every shard set."""

    def files(self, task: ExportTask) -> list[str]:
        stem = f"{task.split}/{task.number:05d}"
        return [f"{stem}.tar", f"{stem}.parquet", f"{stem}_stats.json"]

    def write(self, task: ExportTask) -> None:
        tar, table, stats = (task.out / name for name in self.files(task))
        originals = task.rows().select(["source_width", "source_height"]).to_pylist()
        digits = max(1, math.ceil(math.log10(max(1, task.most_samples))))
        rows = []
        with atomic_file(tar) as file:
            samples = iterate_samples(task.directory / task.tar.path)
            for index, (sample, original) in enumerate(zip(samples, originals, strict=True)):
                key = f"{task.number:05d}{index:0{digits}d}"
                rows.append(_row(key, sample, original))
                write_member(file, f"{key}.{task.image}", sample.image)
                text = json.dumps(rows[-1], ensure_ascii=False).encode("utf-8", "replace")
                write_member(file, f"{key}.{JSON}", text)
            file.write(END_OF_ARCHIVE)
        successes = len(rows)
        for index, failed in enumerate(task.failed, successes):
            rows.append(_failed(f"{task.number:05d}{index:0{digits}d}", failed))
        with atomic_path(table) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary)
        write_json(stats, _stats(successes, task.failed))

    def finish(self, out: Path, tasks: Sequence[ExportTask]) -> list[str]:
        del out, tasks
        return []


def _row(key: str, sample: Sample, original: dict[str, Any]) -> dict[str, Any]:
    record = sample.record
    values = {_RENAMED.get(name, name): record[name] for name in SAMPLE_FIELDS if name not in _OWN}
    return values | {
        "key": key,
        "status": SUCCESS,
        "error_message": None,
        "width": record["width"],
        "height": record["height"],
        "original_width": original["source_width"],
        "original_height": original["source_height"],
        "exif": "{}",
        "sha256": record["sha256"],
    }


def _failed(key: str, failed: dict[str, Any]) -> dict[str, Any]:
    message = ": ".join(part for part in (failed["reason"], failed["detail"]) if part)
    return {
        "source_key": failed["key"],
        "url": failed["source_url"],
        "source": failed["source"],
        "license": failed["license"],
        "attribution": failed["attribution"],
        "key": key,
        "status": FAILED,
        "error_message": message,
        "original_width": failed["source_width"],
        "original_height": failed["source_height"],
        "sha256": failed["sha256"],
    }


def _stats(successes: int, failed: list[dict[str, Any]]) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    for row in failed:
        reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    return {
        "count": successes + len(failed),
        "successes": successes,
        "failed_to_download": 0,
        "failed_to_resize": len(failed),
        "duration": 0.0,
        "start_time": 0.0,
        "end_time": 0.0,
        "status_dict": {SUCCESS: successes, **reasons},
    }
