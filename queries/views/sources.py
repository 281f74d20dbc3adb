"""Where a dataset's files are read from: a directory, or an address.

DuckDB reads the files of a directory itself. Behind an address, Arrow's file systems and fsspec
read them, by ranges: the footers, then the columns and row groups that a question needs. DuckDB
then opens nothing at all.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from queries.views.files import FOLDERS, MANIFEST, PATTERNS, Files
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.paths import duckdb_path, inside
from shards.remote import Remote, is_address, open_remote


class Source(ABC):
    """The files of one dataset, under names relative to it; `str` shows where it is."""

    @cached_property
    def files(self) -> Files:
        """Those that the views read, found once."""
        return self._find()

    @property
    @abstractmethod
    def opened(self) -> set[str]:
        """Paths that DuckDB itself opens."""

    @abstractmethod
    def check(self) -> None:
        """Raises WorkError for a file that lies outside the dataset."""

    @abstractmethod
    def table(
        self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema, names: list[str]
    ) -> str:
        """What stands after FROM for the rows of some Parquet files of one schema."""

    @abstractmethod
    def _find(self) -> Files: ...

    @abstractmethod
    def _open(self, name: str) -> Any:
        """One file, open for reading."""

    def damage(self, *, pages: bool) -> str | None:
        """The first file that is not Parquet, and why; with `pages`, all of them are read whole."""
        return self._first(lambda file: file.metadata) or (self._first(_read) if pages else None)

    def _first(self, read: Callable[[pq.ParquetFile], object]) -> str | None:
        for name in self.files.all():
            try:
                with self._open(name) as data:
                    read(pq.ParquetFile(data))
            except (OSError, pa.ArrowException) as error:
                return f"{self}/{name}: cannot be read ({' '.join(str(error).split())[:200]})"
        return None


class LocalSource(Source):
    def __init__(self, layout: DatasetLayout) -> None:
        self._root = layout.root

    def __str__(self) -> str:
        return str(self._root)

    @property
    def opened(self) -> set[str]:
        # DuckDB asks for a pattern as it is written, then for the file that it finds.
        found = [self._root / name for name in self.files.all()]
        return {path for file in found for path in (duckdb_path(file), str(file.resolve()))}

    def check(self) -> None:
        for name in self.files.all():
            if inside(self._root, name) is None:
                raise WorkError(
                    f"{self._root / name}: a link that leads out of the dataset; put the file"
                    " itself there, or give `lostfound query` --unsafe"
                )

    def table(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002 - an address needs it
        schema: pa.Schema,  # noqa: ARG002
        names: list[str],
    ) -> str:
        paths = ", ".join(quoted(duckdb_path(self._root / name)) for name in names)
        return f"read_parquet([{paths}])"

    def _find(self) -> Files:
        files = (file for pattern in PATTERNS for file in self._root.glob(pattern))
        names = (file.relative_to(self._root).as_posix() for file in files if file.is_file())
        return Files.of(names, self._root.resolve().name)

    def _open(self, name: str) -> Any:
        return open(self._root / name, "rb")


class RemoteSource(Source):
    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._numbers = count()

    def __str__(self) -> str:
        return self._remote.url

    @property
    def opened(self) -> set[str]:
        return set()

    def check(self) -> None:
        """Storages have no links."""

    def table(
        self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema, names: list[str]
    ) -> str:
        from pyarrow.dataset import dataset

        paths = [f"{self._remote.path}/{name}" for name in names]
        files = dataset(paths, schema, format="parquet", filesystem=self._remote.files)
        table = f"files_{next(self._numbers)}"
        connection.register(table, files)
        return table

    def _find(self) -> Files:
        names = [MANIFEST] if self._remote.exists(MANIFEST) else []
        for folder in FOLDERS:
            names += (f"{folder}/{name}" for name in self._remote.sizes(folder))
        files = Files.of(names, self._remote.path.rpartition("/")[2])
        if not files.all():
            raise UsageError(
                f"{self}: no dataset there that can be listed (enriched/*/*.parquet, or"
                " manifest.json and metadata/*.parquet); check the address"
            )
        return files

    def _open(self, name: str) -> Any:
        return self._remote.files.open_input_file(f"{self._remote.path}/{name}")


def open_source(dataset: str) -> Source:
    """The files of a dataset in a directory or at an address."""
    if is_address(dataset):
        return RemoteSource(open_remote(dataset))
    return LocalSource(DatasetLayout.existing(Path(dataset)))


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _read(file: pq.ParquetFile) -> None:
    for _ in file.iter_batches():
        pass
