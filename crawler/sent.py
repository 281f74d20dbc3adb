"""`<segment>.rows.jsonl`: what a segment holds, for when the segment itself is elsewhere.

The first line is about the tar, each other one about a capture: where its picture stands, which
task it belongs to, and its record. A ledger can be made from these files alone.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crawler.ledger import Row
from shards.capture import Capture
from shards.errors import UsageError, WorkError
from shards.segment import read_segment

SUFFIX = ".rows.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True)
class SentSegment:
    bytes: int
    """Of the tar."""
    sha256: str
    rows: list[Row]
    captures: list[Capture]
    """In the order of the rows."""


def describe(tar: Path, rows: list[Row]) -> str:
    """The text of the file for a sealed segment whose ledger has these `rows`.

    Compares every capture with its row. Raises WorkError for a segment that is damaged.
    """
    with open(tar, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines: list[dict[str, Any]] = [
            {"version": VERSION, "bytes": tar.stat().st_size, "sha256": digest}
        ]
        samples = {sample.key: sample for sample in read_segment(tar)}
        for row in rows:
            sample = samples.get(row.key)
            file.seek(row.image_offset)
            image = file.read(row.image_size)
            if (
                sample is None
                or sample.capture is None
                or (sample.image_offset, sample.image_size) != (row.image_offset, row.image_size)
                or hashlib.sha256(image).hexdigest() != row.sha256
            ):
                raise damaged(tar)
            lines.append(_line(row, sample.capture))
    if len(samples) != len(rows):
        raise damaged(tar)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def damaged(tar: Path) -> WorkError:
    """The error for a segment that is not what its ledger says."""
    return WorkError(f"{tar}: not what its ledger says, and not sent; restore it from a backup")


def _line(row: Row, capture: Capture) -> dict[str, Any]:
    return {
        "key": row.key,
        "task": row.task_id,
        "offset": row.image_offset,
        "size": row.image_size,
        "sha256": row.sha256,
        "capture": asdict(capture),
    }


def parse(text: bytes, number: int, name: str) -> SentSegment:
    """The inverse of `describe`; `number` is the segment's, `name` says where the text is from.

    Raises WorkError for anything else, UsageError for a file of a newer release.
    """
    try:
        # Not `splitlines`: it also splits at characters that stand in texts as they are.
        lines = text.decode().removesuffix("\n").split("\n")
        head = json.loads(lines[0])
        version = head["version"]
        if version == VERSION:
            pairs = list(_rows(lines[1:], number))
            size, digest = _typed(head, "bytes", int), _typed(head, "sha256", str)
            return SentSegment(size, digest, [row for row, _ in pairs], [one for _, one in pairs])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        version = 0
    if isinstance(version, int) and version > VERSION:
        raise UsageError(
            f"{name}: version {version}, but this release knows {VERSION}; update lostfound"
        )
    raise WorkError(f"{name}: not the rows of a segment; restore it from a backup")


def _rows(lines: list[str], number: int) -> Iterator[tuple[Row, Capture]]:
    for line in lines:
        one = json.loads(line)
        row = Row(
            _typed(one, "key", str),
            _typed(one, "task", str),
            number,
            _typed(one, "offset", int),
            _typed(one, "size", int),
            _typed(one, "sha256", str),
        )
        yield row, Capture.from_json(json.dumps(one["capture"]).encode())


def _typed(values: dict[str, Any], name: str, kind: type) -> Any:
    if type(values[name]) is not kind:
        raise TypeError(name)
    return values[name]
