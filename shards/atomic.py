"""A file appears under its final name complete or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY_PREFIX = ".tmp-"


def sync_directory(directory: Path) -> None:
    """Makes renames inside `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yields a temporary path beside `final`; on success it is synced and renamed to `final`.

    On any exception the temporary file is removed and `final` is left as it was.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    # The original extension stays last: some writers choose their format by it.
    temporary = final.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{final.name}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, final)
        sync_directory(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_file(final: Path) -> Iterator[BinaryIO]:
    """Like `atomic_path`, but yields an open binary file."""
    with atomic_path(final) as temporary, open(temporary, "wb") as file:
        yield file


def write_bytes(final: Path, data: bytes) -> None:
    with atomic_file(final) as file:
        file.write(data)


def write_text(final: Path, text: str) -> None:
    write_bytes(final, text.encode())


def dump_json(value: Any) -> str:
    """Canonical JSON for files: sorted keys, two spaces, no NaN, a newline at the end."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(final: Path, value: Any) -> None:
    write_text(final, dump_json(value))


def remove_temporaries(directory: Path) -> None:
    """Removes what an interrupted writer left in `directory`, files and folders."""
    for leftover in directory.glob(f"{TEMPORARY_PREFIX}*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
