"""Where a list is: a file as it stands, or a copy of one that is remote or packed."""

import asyncio
import gzip
import shutil
import zlib
from pathlib import Path
from typing import BinaryIO

from crawler.budgets import FILE_NAME, SqliteBudgets
from crawler.urls.lists import FOLDER, Origin, list_id, state_path
from crawler.web.client import ClientRules, PoliteClient
from crawler.web.errors import FetchError, shown
from crawler.web.transport import Timeouts
from shards.atomic import atomic_file
from shards.console import print_line
from shards.errors import UsageError, WorkError

MAX_BYTES = 1 << 30
"""Of a list behind a web address, which is fetched in one piece."""
SECONDS = 1800.0
GZIP = b"\x1f\x8b"


def obtain(directory: Path, address: str, *, user_agent: str) -> Origin:
    """The list at a path, a web address or any address that fsspec knows, such as s3://….

    A remote or packed one is copied into `directory` (`raw/urls`). When a remote one that was
    copied before cannot be reached, its copy is taken. Raises UsageError for a file that is not
    there, WorkError for a list that cannot be fetched.
    """
    if "://" not in address:
        return _local(directory, Path(address).absolute())
    name = shown(address)
    copy = _copy_path(directory, address)
    new = copy.with_suffix(".new")
    try:
        _fetch(address, name, new, directory, user_agent)
    except WorkError as error:
        if not (copy.exists() and state_path(directory, list_id(address)).exists()):
            raise
        print_line(f"{error}; going on with the copy of the last run")
        return Origin(id=list_id(address), name=name, path=copy, copy=copy)
    if _is_packed(new):
        packed = new.rename(copy.with_suffix(".packed"))
        _unpack(packed, new, name)
        packed.unlink()
    return Origin(id=list_id(address), name=name, path=new, copy=copy)


def _local(directory: Path, path: Path) -> Origin:
    if not path.is_file():
        raise UsageError(f"{path}: no such list; give a CSV, JSON lines or Parquet file")
    own = Origin(id=list_id(str(path)), name=path.name, path=path)
    if not _is_packed(path):
        return own
    copy = _copy_path(directory, str(path))
    new = copy.with_suffix(".new")
    _unpack(path, new, path.name)
    return Origin(id=own.id, name=own.name, path=new, copy=copy)


def _copy_path(directory: Path, address: str) -> Path:
    return directory / FOLDER / f"{list_id(address)}.copy"


def _fetch(address: str, name: str, to: Path, directory: Path, user_agent: str) -> None:
    if address.startswith(("http://", "https://")):
        try:
            body = asyncio.run(_get(address, directory, user_agent))
        except FetchError as error:
            raise WorkError(
                f"{name}: cannot be fetched ({error.reason}: {error.detail}); check the address"
            ) from None
        with atomic_file(to) as file:
            file.write(body)
        return
    import fsspec

    try:
        with fsspec.open(address, "rb") as source, atomic_file(to) as file:
            shutil.copyfileobj(source, file)
    except Exception as error:  # each of fsspec's file systems has exceptions of its own
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise WorkError(
            f"{name}: cannot be read ({detail}); check the address, and the access to it"
        ) from None


async def _get(address: str, directory: Path, user_agent: str) -> bytes:
    # Whoever names the list's own address may well mean a server of the local network.
    rules = ClientRules(allow_private=True, max_bytes=MAX_BYTES, timeouts=Timeouts(total=SECONDS))
    with SqliteBudgets(directory / FILE_NAME) as budgets:
        async with PoliteClient(user_agent=user_agent, budgets=budgets, rules=rules) as web:
            return (await web.get(address)).body


def _is_packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(GZIP)) == GZIP


def _unpack(path: Path, to: Path, name: str) -> None:
    def copy(source: BinaryIO) -> None:
        with atomic_file(to) as file:
            shutil.copyfileobj(source, file, 1 << 20)

    try:
        with gzip.open(path, "rb") as source:
            copy(source)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{name}: a damaged gzip file ({error}); restore it") from None
