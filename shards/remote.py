"""A folder behind an address: s3://, gs://, abfs://, or whatever else fsspec knows.

Credentials come from the environment alone, as each storage's own tools take them: AWS_* and
AWS_ENDPOINT_URL for S3 and what speaks its protocol. A file appears there whole or not at all.
"""

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shards.atomic import TEMPORARY_PREFIX, atomic_path
from shards.errors import LostFoundError, StorageError, UsageError

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
PART_BYTES = 10 << 20
"""Arrow's own parts of an upload; their digests give the ETag."""
SERVICE_ATTEMPTS = 4
"""Of one request, inside the storage's own client."""
SERVICE_SECONDS = 20
"""The same, where the client counts time."""
ATTEMPTS = 4
PAUSE_SECONDS = 1.0
MAX_OPENED = 64
CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 60.0
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OBJECT_STORES = ("s3", "gs", "gcs", "abfs", "abfss")
_FOR_GOOD = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE|NO_SUCH_BUCKET"
    r"|HTTP status 40[13]|credentials|PermissionDenied|OAuth2|RepositoryNotFound",
    re.IGNORECASE,
)

_Answer = TypeVar("_Answer")


def is_address(out: str) -> bool:
    """Whether `--out` is an address and not a directory of this machine."""
    return "://" in out


class Remote:
    """Whole files under one address. Every failure is a WorkError of one line that names it."""

    def __init__(
        self, url: str, files: Any, path: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`files` is a `pyarrow.fs.FileSystem`, and `path` the folder's path in it."""
        self.url = url
        self.files = files
        self.path = path
        self._sleep = sleep
        self._patient = True
        self.atomic = urlsplit(url).scheme in _OBJECT_STORES
        """Whether the storage itself shows a file only when it is whole."""
        self._opened: dict[str, Any] = {}
        """Files that ranges are read from: opening one asks for its size."""
        self._lock = threading.Lock()

    def check_bucket(self) -> None:
        """Raises UsageError where a bucket does not exist: said before hours of work, not after."""
        from pyarrow.fs import FileType

        bucket = self.path.partition("/")[0]
        if self.atomic and self._ask_bucket(bucket) is FileType.NotFound:
            raise UsageError(f"{self.url}: there is no bucket {bucket}; make it first")

    def _ask_bucket(self, bucket: str) -> Any:
        try:
            return self.files.get_file_info(bucket).type
        except Exception:  # credentials may be for objects only, and storages differ
            return None

    def sizes(self, folder: str, *, unfinished: bool = False) -> dict[str, int]:
        """Bytes by name of every file below `folder`, which need not exist.

        With `unfinished` also of those that an interrupted writer may have left there.
        """
        from pyarrow.fs import FileSelector, FileType

        root = self._full(folder)
        selector = FileSelector(root, recursive=True, allow_not_found=True)
        found = self._try(folder, lambda: self.files.get_file_info(selector))
        return {
            info.path.strip("/").removeprefix(root).strip("/"): info.size
            for info in found
            if info.type is FileType.File
            and (unfinished or not info.base_name.startswith(TEMPORARY_PREFIX))
        }

    def put(self, local: Path, name: str) -> None:
        """Uploads a file, and returns once what is there has been compared with it."""
        self._try(name, lambda: self._put(local, name))

    def write(self, data: bytes, name: str) -> None:
        """Like `put`, for bytes; one that is there is replaced. Needs no room on the disk."""
        self._try(name, lambda: self._write(data, name))

    def holds(self, local: Path, name: str) -> bool:
        """Whether `name` has the bytes of `local`: by size, then by ETag or else by reading it."""
        return self._try(name, lambda: self._holds(local, name))

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        return self._try(name, lambda: self._size(name))

    def sha256(self, name: str) -> str:
        """Of a whole file, which is read for it."""
        return self._try(name, lambda: self._digest(name))

    def remove(self, name: str) -> None:
        """A file that is not there is no error."""
        if self.exists(name):
            self._try(name, lambda: self._remove(name))

    def versioned(self, name: str) -> bool:
        """Whether the storage says that it keeps earlier versions of a file; not all of them say.

        A file that is not there says nothing.
        """
        return self.exists(name) and self._try(name, lambda: self._has_version(name))

    def copy(self, name: str, to: str) -> None:
        """Inside the storage: the bytes do not come here."""
        self._try(name, lambda: self._appear(to, lambda path: self._copy(name, path)))

    def read(self, name: str) -> bytes:
        return self._try(name, lambda: self._read(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """The bytes from `offset` on; fewer than `length` where the file ends."""
        return self._try(name, lambda: self._read_range(name, offset, length))

    def fetch(self, name: str, local: Path) -> None:
        """Downloads a file; it appears under `local` whole."""
        with atomic_path(local) as temporary:
            self._try(name, lambda: self._download(name, str(temporary)))

    def fetched(self, name: str, local: Path) -> bool:
        """`fetch`, or False where there is no such file."""
        if not self.exists(name):
            return False
        self.fetch(name, local)
        return True

    def give_up(self) -> None:
        """Nothing is tried again from now on, also by calls that other threads are in."""
        self._patient = False

    def _full(self, name: str) -> str:
        return f"{self.path}/{name}" if name else self.path

    def _put(self, local: Path, name: str) -> None:
        """One call into C++, so that Ctrl-C cannot leave the first half as the whole."""
        from pyarrow.fs import LocalFileSystem, copy_files

        def copy(path: str) -> None:
            copy_files(str(local), path, LocalFileSystem(), self.files, chunk_size=PART_BYTES)

        self._appear(name, copy)
        # Arrow's client may lose an error of an upload's last part.
        if not self._holds(local, name):
            raise OSError(f"not what was sent from {local}")

    def _holds(self, local: Path, name: str) -> bool:
        if self._size(name) != local.stat().st_size:
            return False
        return self._etag(name) in _etags(local) or self._digest(name) == _digest(local)

    def _size(self, name: str) -> int | None:
        from pyarrow.fs import FileType

        info = self.files.get_file_info(self._full(name))
        return info.size if info.type is FileType.File else None

    def _download(self, name: str, local: str) -> None:
        from pyarrow.fs import FSSpecHandler, LocalFileSystem, copy_files

        handler = getattr(self.files, "handler", None)
        if isinstance(handler, FSSpecHandler):
            # One request, where reading it as an open file would take two and more.
            handler.fs.get_file(self._full(name), local)
        else:
            copy_files(self._full(name), local, self.files, LocalFileSystem())

    def _write(self, data: bytes, name: str) -> None:
        def write(path: str) -> None:
            with self.files.open_output_stream(path) as stream:
                stream.write(data)

        self._appear(name, write)
        if self._read(name) != data:
            raise OSError("not what was sent")

    def _appear(self, name: str, write: Callable[[str], None]) -> None:
        """Object stores show a file when it is whole; elsewhere a rename does that."""
        final = self._full(name)
        if self.atomic:
            write(final)
            return
        folder, _, file = final.rpartition("/")
        temporary = f"{folder}/{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{file}"
        self.files.create_dir(folder, recursive=True)
        try:
            write(temporary)
            self.files.move(temporary, final)
        except BaseException:
            with suppress(OSError):
                self.files.delete_file(temporary)
            raise

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):  # an answer may be lost after the deed
            self.files.delete_file(self._full(name))

    def _copy(self, name: str, path: str) -> None:
        self.files.copy_file(self._full(name), path)

    def _etag(self, name: str) -> str:
        """Empty where the storage has none."""
        return self._stated(name, "etag").strip('"')

    def _has_version(self, name: str) -> bool:
        return self._stated(name, "versionid") not in ("", "null")

    def _stated(self, name: str, what: str) -> str:
        """What the storage says of a file; empty where it does not."""
        with self.files.open_input_stream(self._full(name)) as stream:
            tags = {key.lower(): value for key, value in (stream.metadata() or {}).items()}
        found = tags.get(what, b"")
        return found.decode() if isinstance(found, bytes) else str(found)

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self.files.open_input_stream(self._full(name)) as stream:
            while chunk := stream.read(PART_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _read(self, name: str) -> bytes:
        with self.files.open_input_stream(self._full(name)) as stream:
            return bytes(stream.read())

    def _read_range(self, name: str, offset: int, length: int) -> bytes:
        path = self._full(name)
        with self._lock:
            file = self._opened.pop(path, None) or self.files.open_input_file(path)
            self._opened[path] = file  # the last one is the one that was used last
            if len(self._opened) > MAX_OPENED:
                self._opened.pop(next(iter(self._opened)))
        return bytes(file.read_at(length, offset))

    def _try(self, name: str, ask: Callable[[], _Answer]) -> _Answer:
        """Asks again after a pause while the storage is slow, busy or away."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except LostFoundError:
                raise
            except Exception as error:  # each of fsspec's file systems has exceptions of its own
                text = " ".join(str(error).split())[:300]
                if attempt == ATTEMPTS or not self._patient or _FOR_GOOD.search(text):
                    where = f"{self.url}/{name}".rstrip("/")
                    raise StorageError(
                        f"{where}: {text}; check the address, the credentials in the environment"
                        " and the storage, then run it again: nothing is lost"
                    ) from error
                self._sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")


def open_remote(url: str) -> Remote:
    """The folder behind an address. Raises UsageError for one that cannot be used."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.netloc
    except ValueError:
        scheme = host = ""
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or not host:
        raise UsageError(f"{_shown(url)}: not an address; give one like s3://bucket/folder")
    if "@" in host or parts.query:
        raise UsageError(
            f"{_shown(url)}: an address may hold no credentials and no options;"
            " put them into the environment (AWS_ACCESS_KEY_ID, …)"
        )
    # Where fsspec reads web pages, the whole address is the path.
    path = (url if scheme in ("http", "https") else f"{host}{parts.path}").rstrip("/")
    with _explained(url):
        return Remote(url.rstrip("/"), _file_system(scheme, url), path)


def _shown(url: str) -> str:
    """The address without what might be secret in it."""
    return re.sub(r"//[^/@]*@", "//…@", url.partition("?")[0])


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except (ImportError, ValueError, OSError) as error:
        text = " ".join(str(error).split())[:300]
        raise UsageError(f"{url}: this storage cannot be used ({text})") from error


def _file_system(scheme: str, url: str) -> Any:
    from pyarrow import fs

    if scheme == "s3":
        return fs.S3FileSystem(
            endpoint_override=os.environ.get(ENDPOINT_VARIABLE) or None,
            region=_region(urlsplit(url).netloc),
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=SERVICE_ATTEMPTS),
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
        )
    if scheme in ("gs", "gcs"):
        # Its own limit is a quarter of an hour, also for a machine without credentials.
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=SERVICE_SECONDS))
    if scheme in _OBJECT_STORES:
        return fs.FileSystem.from_uri(url)[0]
    import fsspec

    return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme)))


def _region(bucket: str) -> str | None:
    """Where a bucket of Amazon's stands, if the environment does not say it."""
    from pyarrow.fs import resolve_s3_region

    if any(os.environ.get(name) for name in (ENDPOINT_VARIABLE, *_REGION_VARIABLES)):
        return None
    region: str = resolve_s3_region(bucket)
    return region


def _etags(path: Path) -> set[str]:
    """What S3 calls a file's ETag: MD5 of it, or of the MD5s of its parts with their number."""
    whole = hashlib.md5(usedforsecurity=False)
    parts = []
    with open(path, "rb") as file:
        while chunk := file.read(PART_BYTES):
            whole.update(chunk)
            parts.append(hashlib.md5(chunk, usedforsecurity=False).digest())
    multipart = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return {whole.hexdigest(), f"{multipart}-{len(parts)}"}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
