"""Raw segments: append-only tars of captures, and reading them back.

`raw/<source>/<writer>-<000000>.tar`, named `.open.tar` while being written. Each capture is an
image member `<key>.<ext>` directly followed by `<key>.json`. Which bytes of an open segment count
is the writer's ledger's knowledge (`crawler.spool`); this module only appends, cuts and seals.
"""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shards.atomic import sync_directory
from shards.capture import Capture
from shards.errors import WorkError
from shards.tar import END_OF_ARCHIVE, Member, padded, write_member

OPEN_SUFFIX = ".open.tar"
IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "webp", "tif", "tiff", "avif", "heic", "bin"})
MAX_JSON_BYTES = 1 << 20


def segment_name(writer: str, number: int) -> str:
    """The stem of a segment's file name."""
    return f"{writer}-{number:06d}"


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a capture's bytes stand in its segment."""

    image_offset: int
    image_size: int
    end: int


class SegmentWriter:
    """Appends captures to one open segment, starting after the first `committed` bytes."""

    def __init__(self, directory: Path, name: str, committed: int = 0) -> None:
        self.directory = directory
        self.name = name
        directory.mkdir(parents=True, exist_ok=True)
        self.open_path = directory / f"{name}{OPEN_SUFFIX}"
        self.open_path.touch()
        self._file = open(self.open_path, "r+b")  # noqa: SIM115 - closed by seal() or close()
        size = self._file.seek(0, os.SEEK_END)
        if size < committed:
            self._file.close()
            raise WorkError(
                f"{self.open_path}: {size} bytes on disk but {committed} committed;"
                " the disk lost data: restore the file from a backup"
            )
        # What stands behind the last committed capture is a write that a crash interrupted.
        self._file.truncate(committed)
        self._file.seek(committed)
        self.size = committed

    def append(self, capture: Capture, image: bytes, extension: str) -> Extent:
        """Writes one capture; its bytes are durable after the next `sync`."""
        image_offset = write_member(self._file, f"{capture.key}.{extension}", image)
        write_member(self._file, f"{capture.key}.json", capture.to_json())
        self.size = self._file.tell()
        return Extent(image_offset, len(image), self.size)

    def sync(self) -> int:
        """Makes durable what was appended; returns the segment's size."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.size

    def seal(self) -> Path:
        """Ends the archive and gives it its final name."""
        self._file.write(END_OF_ARCHIVE)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        final = self.directory / f"{self.name}.tar"
        os.replace(self.open_path, final)
        sync_directory(self.directory)
        return final

    def close(self) -> None:
        """Leaves the segment open on disk, to be continued later."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class RawSample:
    """One capture as it stands in a segment. A damaged one has gaps instead of an exception."""

    key: str
    image_offset: int
    image_size: int
    """0 when the image member is missing."""
    capture: Capture | None
    """None when the JSON member is missing or not a record; `problem` says which."""
    problem: str = ""


def read_segment(path: Path) -> Iterator[RawSample]:
    """Every sample of a sealed segment, in file order. Images are not read, only located.

    Adjacent members that share the part before the first dot form one sample; a name that comes
    again begins another one. Members that are not regular files belong to no sample. Raises
    WorkError when the file is not a readable tar, or ends before its end-of-archive mark.
    """
    try:
        with tarfile.open(path, "r:", tarinfo=Member) as tar:
            pending: list[tarfile.TarInfo] = []
            end = 0
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # they would pile up
                end = member.offset_data + padded(member.size)
                if not member.isreg():
                    continue
                if pending and not _continues(pending, member):
                    yield _sample(tar, pending)
                    pending = []
                pending.append(member)
            if pending:
                yield _sample(tar, pending)
            _check_end(path, end)
    except (tarfile.TarError, OSError, ValueError, OverflowError, MemoryError) as error:
        # The last three are what `tarfile` makes of a size that no file has.
        raise WorkError(f"{path}: not a readable segment ({error}); fetch it again") from error


def _continues(sample: list[tarfile.TarInfo], member: tarfile.TarInfo) -> bool:
    return _stem(member) == _stem(sample[0]) and all(member.name != one.name for one in sample)


def _check_end(path: Path, end: int) -> None:
    """`tarfile` takes a damaged header for the end of the archive; this tells them apart."""
    with open(path, "rb") as file:
        file.seek(end)
        if file.read(len(END_OF_ARCHIVE)) != END_OF_ARCHIVE:
            raise tarfile.ReadError(f"no valid header at byte {end}")


def _stem(member: tarfile.TarInfo) -> str:
    return member.name.rpartition("/")[2].partition(".")[0]


def _sample(tar: tarfile.TarFile, members: list[tarfile.TarInfo]) -> RawSample:
    image = record = None
    for member in members:
        extension = member.name.rpartition(".")[2].lower()
        if extension == "json":
            record = record or member
        elif extension in IMAGE_EXTENSIONS:
            image = image or member
    capture, problem = None, ""
    if record is None:
        problem = "the JSON member is missing"
    elif record.size > MAX_JSON_BYTES:
        problem = f"the JSON member has {record.size} bytes"
    else:
        content = tar.extractfile(record)
        assert content is not None  # `record` is a regular file
        try:
            capture = Capture.from_json(content.read())
        except (ValueError, RecursionError) as error:
            problem = f"the JSON member is not a record: {error}"
    return RawSample(
        key=_stem(members[0]),
        image_offset=image.offset_data if image else 0,
        image_size=image.size if image else 0,
        capture=capture,
        problem=problem,
    )
