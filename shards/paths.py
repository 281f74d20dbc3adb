"""Paths that come from data (a tar's column, a manifest, a table), and paths that go to DuckDB."""

import re
from pathlib import Path, PurePosixPath


def inside(folder: Path, relative: str) -> Path | None:
    """`folder / relative`, or None when that is not a path inside `folder`.

    Absolute paths, `..`, NUL characters and symbolic links that lead out are refused.
    """
    if not stays_inside(relative):
        return None
    path = folder.joinpath(*PurePosixPath(relative).parts)
    return path if path.resolve().is_relative_to(folder.resolve()) else None


def stays_inside(relative: str) -> bool:
    """Whether a name, as it is written, leads to something inside of any folder."""
    path = PurePosixPath(relative)
    if path.is_absolute() or "\0" in relative:
        return False
    return bool(path.parts) and ".." not in path.parts


def duckdb_path(file: Path) -> str:
    """The absolute path as DuckDB takes it: a glob pattern that matches this file alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(file.resolve()))
