"""Paths that come from data (a tar's column, a manifest, a table), and paths that go to DuckDB."""

import re
from pathlib import Path, PurePosixPath


def inside(folder: Path, relative: str) -> Path | None:
    """`folder / relative`, or None when that is not a path inside `folder`.

    Absolute paths, `..`, NUL characters and symbolic links that lead out are refused.
    """
    parts = PurePosixPath(relative).parts
    if not parts or "\0" in relative or PurePosixPath(relative).is_absolute() or ".." in parts:
        return None
    path = folder.joinpath(*parts)
    return path if path.resolve().is_relative_to(folder.resolve()) else None


def duckdb_path(file: Path) -> str:
    """The absolute path as DuckDB takes it: a glob pattern that matches this file alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(file.resolve()))
