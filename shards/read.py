"""Reads shards without any framework: one image by its place, or every sample of a tar."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shards.errors import WorkError


@dataclass(frozen=True, slots=True)
class Sample:
    key: str
    image: bytes
    """A JPEG file's bytes."""
    record: dict[str, Any]
    """The JSON member; its fields are `shards.sample.SAMPLE_FIELDS`."""


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
            members = iter(tar)
            for image in members:
                record = next(members, None)
                if record is None:
                    raise ValueError(f"{image.name} has no JSON member")
                key = image.name.removesuffix(".jpg")
                if (image.name, record.name) != (f"{key}.jpg", f"{key}.json"):
                    raise ValueError(f"{image.name} and {record.name} are no sample")
                yield Sample(key, _content(tar, image), json.loads(_content(tar, record)))
    except (tarfile.TarError, OSError, ValueError) as error:
        raise WorkError(f"{tar_path}: not a readable shard ({error})") from None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is not a file")
    return file.read()
