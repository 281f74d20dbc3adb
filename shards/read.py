"""Reads shards without any framework: one image by its place, or every sample of a tar."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from shards.errors import WorkError
from shards.members import JSON, ORIGINAL


@dataclass(frozen=True, slots=True)
class Sample:
    key: str
    image: bytes
    """An image file's bytes: a JPEG, or whatever was captured."""
    record: dict[str, Any]
    """The JSON member; its fields are `shards.sample.SAMPLE_FIELDS`."""
    original: bytes | None = None
    """The captured file's bytes, where they stand beside the image."""


def read_range(path: Path, offset: int, size: int) -> bytes:
    """The `size` bytes at `offset`: an image, given a row's `tar`, `tar_offset` and `tar_size`."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as error:
        raise WorkError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) != size:
        raise WorkError(f"{path}: ends before byte {offset + size}; run `lostfound verify`")
    return data


def iterate_samples(tar_path: Path) -> Iterator[Sample]:
    """The samples of one shard, in order. Raises WorkError when it is not a readable shard."""
    try:
        with tarfile.open(tar_path, "r:") as tar:
            for key, group in groupby(tar, key=lambda member: member.name.partition(".")[0]):
                members = list(group)
                names = [member.name.removeprefix(f"{key}.") for member in members]
                if names[0] in (JSON, ORIGINAL) or names[1:] not in ([JSON], [JSON, ORIGINAL]):
                    raise ValueError(f"{key} has the members {names}")
                image, record, *original = (_content(tar, member) for member in members)
                yield Sample(key, image, json.loads(record), *original)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise WorkError(f"{tar_path}: not a readable shard ({error})") from None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is not a file")
    return file.read()
