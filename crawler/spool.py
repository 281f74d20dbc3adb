"""Where captures land: segments of bytes, and a ledger that says which of them count.

A capture counts once its bytes are on disk and its row is committed. Whatever kills the process,
the next `Spool` over the same writer continues after the last capture that counted.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from crawler.disk import full_disk_explained
from crawler.ledger import SUFFIX, Failure, Held, Ledger, Row
from crawler.lock import BusyError, take_lock
from crawler.reasons import FailReason
from shards import metrics
from shards.atomic import sync_directory
from shards.capture import Capture
from shards.console import print_line
from shards.errors import UsageError, WorkError
from shards.keys import is_key
from shards.segment import IMAGE_EXTENSIONS, OPEN_SUFFIX, SegmentWriter, segment_name
from shards.tar import END_OF_ARCHIVE, member_size

SEGMENT_BYTES = 256 << 20
LOCK_PAUSE = 0.2
DYING_SECONDS = 180.0
"""How long the last owner of a writer may take to die. On a machine that was cut off its workers
live until their raylet gives up, after a minute; file servers keep the locks of a lost client for
about as long again."""
SAY_SECONDS = 5.0


class Ready(NamedTuple):
    """A capture that has come with its bytes."""

    capture: Capture
    image: bytes
    extension: str
    """The image's format without a dot: one of `IMAGE_EXTENSIONS`."""
    task_id: str = ""


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
        self._lock = take_lock(directory / f"{writer}.lock")
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
        return self.add_many([Ready(capture, image, extension, task_id)]) == 1

    def add_many(self, captures: Sequence[Ready]) -> int:
        """Commits a group with one wait for the disk; returns how many were not there already.

        Each capture of the group that was committed counts, also when a later one fails.
        """
        for ready in captures:
            _check(ready.capture.key, ready.extension)
        added, waiting = 0, list(self._new(captures))
        while waiting:
            group = self._fitting(waiting)
            self._commit(group)
            added += len(group)
            del waiting[: len(group)]
        return added

    def _new(self, captures: Sequence[Ready]) -> Iterator[Ready]:
        seen: set[str] = set()
        for ready in captures:
            key = ready.capture.key
            if key not in seen and key not in self.ledger:
                seen.add(key)
                yield ready

    def _fitting(self, captures: Sequence[Ready]) -> list[Ready]:
        """The first captures that fit into the segment that the first one goes to."""
        need = [_need(ready) for ready in captures]
        free = self.segment_bytes - self._segment_for(need[0]).size - len(END_OF_ARCHIVE) - need[0]
        group = 1
        while group < len(captures) and need[group] <= free:
            free -= need[group]
            group += 1
        return list(captures[:group])

    def _commit(self, group: Sequence[Ready]) -> None:
        with self._cut_off_on_failure() as segment:
            rows = []
            for ready in group:
                extent = segment.append(ready.capture, ready.image, ready.extension)
                digest = hashlib.sha256(ready.image).hexdigest()
                where = (self._number, extent.image_offset, extent.image_size)
                rows.append(Row(ready.capture.key, ready.task_id, *where, digest))
            self.ledger.commit(rows, segment.sync())

    @contextmanager
    def _cut_off_on_failure(self) -> Iterator[SegmentWriter]:
        """The open segment; what a block that fails has written is cut off by the next `add`."""
        assert self._segment is not None  # callers have just opened it
        try:
            with full_disk_explained(self._segment.open_path):
                yield self._segment
        except BaseException:
            self._leave_segment()
            raise

    def fail(self, key: str, task_id: str, reason: FailReason, detail: str = "") -> None:
        """Records durably that an item will not come, and why."""
        self.fail_many([Failure(key, task_id, reason, detail)])

    def fail_many(self, failures: Iterable[Failure]) -> None:
        """`fail` for a group, in one transaction."""
        self.ledger.fail(failures)

    def failures(self) -> dict[str, int]:
        """Items that will not come, by reason."""
        return dict(self.ledger.failures())

    def settled(self, key: str) -> bool:
        """Committed, or recorded as one that will not come."""
        return key in self.ledger or self.ledger.failure(key) is not None

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
        with self._cut_off_on_failure() as segment:
            final = segment.seal()
        self._segment = None
        self.ledger.mark_sealed(self._number)
        self._number += 1
        metrics.count("lostfound_segments_sealed_total", source=self.directory.name)
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
        name = segment_name(self.writer, self._number)
        with full_disk_explained(self.directory / name):
            segment = SegmentWriter(self.directory, name, committed)
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


def _need(ready: Ready) -> int:
    return member_size(len(ready.image)) + member_size(len(ready.capture.to_json()))


def _check(key: str, extension: str) -> None:
    if not is_key(key):
        raise ValueError(f"{key!r} is not a key")
    if extension not in IMAGE_EXTENSIONS:
        raise ValueError(f"{extension!r} is not one of {sorted(IMAGE_EXTENSIONS)}")


def writers(directory: Path) -> list[str]:
    """The names of all writers that ever wrote here."""
    return sorted(path.name.removesuffix(SUFFIX) for path in directory.glob(f"*{SUFFIX}"))


def open_spool(
    directory: Path,
    writer: str,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    patience: float = DYING_SECONDS,
) -> Spool:
    """A spool whose last owner may still be dying: waits for its lock up to `patience` seconds."""
    started, said = time.monotonic(), False
    while True:
        try:
            return Spool(directory, writer, segment_bytes=segment_bytes)
        except BusyError:
            waited = time.monotonic() - started
            if waited >= patience:
                raise
            if waited >= SAY_SECONDS and not said:
                said = True
                print_line(f"{writer}: its last owner still lives; waiting up to {patience:.0f} s")
            time.sleep(LOCK_PAUSE)
