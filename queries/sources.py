"""Where a dataset's files are read from: a directory, or an address.

DuckDB reads the files of a directory itself. Behind an address, Arrow's file systems and fsspec
read them, by ranges: the footers, then the columns and row groups that a question needs. Then
DuckDB opens nothing at all.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from queries.files import FOLDERS, MANIFEST, Files
from shards.errors import WorkError
from shards.layout import DatasetLayout
from shards.paths import duckdb_path, inside


class Source(Protocol):
    """The files of one dataset, under names relative to it."""

    @property
    def own_name(self) -> str:
        """The last part of its path."""

    def names(self) -> Iterable[str]:
        """Every file that a view might read; others may be among them."""

    def check(self, files: Files) -> None:
        """Raises WorkError for a file that lies outside the dataset."""

    def table(
        self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema, names: list[str]
    ) -> str:
        """What stands after FROM for the rows of some Parquet files of one schema."""

    def opened(self, files: Files) -> set[str]:
        """Paths that DuckDB itself opens."""

    def read(self, name: str) -> Any:
        """One file, open for reading."""


class LocalSource:
    def __init__(self, layout: DatasetLayout) -> None:
        self._root = layout.root

    def __str__(self) -> str:
        return str(self._root)

    @property
    def own_name(self) -> str:
        return self._root.resolve().name

    def names(self) -> list[str]:
        files = [self._root / MANIFEST]
        for folder in FOLDERS:
            files += (self._root / folder).rglob("*")
        return [file.relative_to(self._root).as_posix() for file in files if file.is_file()]

    def check(self, files: Files) -> None:
        for name in files.all():
            if inside(self._root, name) is None:
                raise WorkError(
                    f"{self._root / name}: a link that leads out of the dataset; put the file"
                    " itself there, or give `lostfound query` --unsafe"
                )

    def table(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002 - others need it
        schema: pa.Schema,  # noqa: ARG002
        names: list[str],
    ) -> str:
        paths = ", ".join(quoted(duckdb_path(self._root / name)) for name in names)
        return f"read_parquet([{paths}])"

    def opened(self, files: Files) -> set[str]:
        # DuckDB asks for a pattern as it is written, then for the file that it finds.
        found = [self._root / name for name in files.all()]
        return {path for file in found for path in (duckdb_path(file), str(file.resolve()))}

    def read(self, name: str) -> Any:
        return open(self._root / name, "rb")


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
