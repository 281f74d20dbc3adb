"""Where captures land: segments of bytes, and a ledger that says which of them count.

A capture counts once its bytes are on disk and its row is committed. Whatever kills the process,
the next `Spool` over the same writer continues after the last capture that counted.
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from crawler.ledger import SUFFIX, Held, Ledger, Row
from shards.atomic import sync_directory
from shards.capture import Capture
from shards.errors import UsageError, WorkError
from shards.keys import is_key
from shards.segment import IMAGE_EXTENSIONS, OPEN_SUFFIX, SegmentWriter, segment_name
from shards.tar import END_OF_ARCHIVE, member_size

SEGMENT_BYTES = 256 << 20
LOCK_PAUSE = 0.2


class BusyError(UsageError):
    """Another living process owns the lock."""


class Spool:
    """The captures of one writer in `directory` (`raw/<source>` of a dataset).

    One process owns a writer at a time. A segment that a capture would push beyond
    `segment_bytes` is sealed first. Not safe for use by several threads.
    """

    def __init__(self, directory: Path, writer: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        if not is_key(writer):
            raise UsageError(f"writer {writer!r}: use 1 to 64 letters, digits, '_' and '-'")
        self.directory = directory
        self.writer = writer
        self.path = directory / f"{writer}{SUFFIX}"
        self.segment_bytes = segment_bytes
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(directory / f"{writer}.lock")
        try:
            self.ledger = Ledger(self.path)
            try:
                self._segment: SegmentWriter | None = None
                self._number = 0
                self._recover()
            except BaseException:
                self.ledger.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    def __contains__(self, key: str) -> bool:
        return key in self.ledger

    def __len__(self) -> int:
        """Committed captures, in sealed segments and in the open one."""
        return len(self.ledger)

    def add(self, capture: Capture, image: bytes, extension: str, *, task_id: str = "") -> bool:
        """Commits one capture and drops its held picture; False when its key is committed already.

        `extension` names the image's format without a dot: one of `IMAGE_EXTENSIONS`.
        """
        _check(capture.key, extension)
        if capture.key in self.ledger:
            return False
        need = member_size(len(image)) + member_size(len(capture.to_json()))
        segment = self._segment_for(need)
        try:
            extent = segment.append(capture, image, extension)
            digest = hashlib.sha256(image).hexdigest()
            self.ledger.commit(
                Row(
                    capture.key,
                    task_id,
                    self._number,
                    extent.image_offset,
                    extent.image_size,
                    digest,
                ),
                extent.end,
            )
        except BaseException:
            # What was written does not count; the next `add` cuts it off.
            self._leave_segment()
            raise
        return True

    def hold(
        self, key: str, image: bytes, extension: str, *, task_id: str = "", details: str = "{}"
    ) -> None:
        """Keeps a picture durably until `add` commits its key."""
        _check(key, extension)
        self.ledger.hold(key, Held(image, extension, task_id, details))

    def held(self, key: str) -> Held | None:
        return self.ledger.held(key)

    def seal(self) -> Path | None:
        """Seals the open segment, and returns its path; None when it holds nothing."""
        self._reopen()
        if self._segment is None:
            return None
        final = self._segment.seal()
        self._segment = None
        self.ledger.mark_sealed(self._number)
        self._number += 1
        return final

    def close(self) -> None:
        """Leaves the open segment to be continued, and gives the writer free."""
        self._leave_segment()
        self.ledger.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _segment_for(self, need: int) -> SegmentWriter:
        self._reopen()
        if self._segment is not None:
            full = self._segment.size + need + len(END_OF_ARCHIVE) > self.segment_bytes
            if not full:
                return self._segment
            self.seal()
        self._segment = self._open(0)
        return self._segment

    def _reopen(self) -> None:
        """Opens the segment that the ledger says is unfinished, if there is one."""
        last = self.ledger.last_segment()
        if self._segment is None and last is not None and not last.sealed:
            self._segment = self._open(last.committed)

    def _open(self, committed: int) -> SegmentWriter:
        segment = SegmentWriter(self.directory, segment_name(self.writer, self._number), committed)
        sync_directory(self.directory)
        return segment

    def _leave_segment(self) -> None:
        if self._segment is not None:
            with suppress(OSError):  # bytes that a full disk refused do not count
                self._segment.close()
            self._segment = None

    def _recover(self) -> None:
        """Finds where to continue; repairs a seal whose record a crash prevented."""
        if self.ledger.is_new:
            self._refuse_orphans()
        last = self.ledger.last_segment()
        if last is None:
            return
        self._number = last.number
        stem = segment_name(self.writer, last.number)
        final = self.directory / f"{stem}.tar"
        if not last.sealed and final.exists():
            if final.stat().st_size != last.committed + len(END_OF_ARCHIVE):
                raise WorkError(
                    f"{final}: not the size that its ledger says; restore it from a backup"
                )
            self.ledger.mark_sealed(last.number)
        elif not last.sealed:
            if not (self.directory / f"{stem}{OPEN_SUFFIX}").exists():
                raise WorkError(
                    f"{self.directory}/{stem}{OPEN_SUFFIX}: the ledger has its captures but the"
                    " file is gone; restore it from a backup"
                )
            self._reopen()
            return
        self._number += 1

    def _refuse_orphans(self) -> None:
        """Segments without their ledger must not be overwritten by a writer that starts at 0."""
        pattern = re.compile(rf"{re.escape(self.writer)}-\d{{6}}(\.open)?\.tar")
        orphans = sorted(p for p in self.directory.iterdir() if pattern.fullmatch(p.name))
        if orphans:
            self.ledger.path.unlink()
            raise WorkError(
                f"{orphans[0]}: a segment without its ledger {self.ledger.path.name};"
                " restore the ledger, or use another dataset directory"
            )


def _check(key: str, extension: str) -> None:
    if not is_key(key):
        raise ValueError(f"{key!r} is not a key")
    if extension not in IMAGE_EXTENSIONS:
        raise ValueError(f"{extension!r} is not one of {sorted(IMAGE_EXTENSIONS)}")


def writers(directory: Path) -> list[str]:
    """The names of all writers that ever wrote here."""
    return sorted(path.name.removesuffix(SUFFIX) for path in directory.glob(f"*{SUFFIX}"))


def open_spool(
    directory: Path, writer: str, *, segment_bytes: int = SEGMENT_BYTES, patience: float = 20
) -> Spool:
    """A spool whose last owner may still be dying: waits for its lock up to `patience` seconds."""
    ends_at = time.monotonic() + patience
    while True:
        try:
            return Spool(directory, writer, segment_bytes=segment_bytes)
        except BusyError:
            if time.monotonic() >= ends_at:
                raise
            time.sleep(LOCK_PAUSE)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Holds the lock file `path`. Raises BusyError when another process has it."""
    descriptor = _take_lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _take_lock(path: Path) -> int:
    """An exclusive lock that ends with this process, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BusyError(
            f"{path}: another process is writing here; wait for it to end, or stop it"
        ) from None
    return descriptor
