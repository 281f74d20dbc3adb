"""The lists of a dataset: what each one was when its rows became tasks, so that none is mixed up.

`raw/urls/lists/<id>.json` remembers a list by its name and content. The same list again gives the
same tasks; one that grew at its end gives more of them; any other change is refused, because the
ranges of its tasks would then be other rows.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from crawler.frontier import NewTask, payload_text
from crawler.urls.ranges import Range, Reader, open_reader
from crawler.urls.rows import ListRow, find_columns, read_rows
from shards.atomic import write_json
from shards.errors import UsageError, WorkError

FOLDER = "lists"
TASK_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a list came from."""

    id: str
    """Of its name: the same name is the same list."""
    name: str
    """What messages and captures call it; nothing secret stands in it."""
    path: Path
    """A file of this machine to read it from."""
    copy: Path | None = None
    """Where the file belongs once the list is accepted, when it is a copy; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """What the file remembers. A piece is what one run added: its first row and where it stands."""

    name: str
    path: str
    columns: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict)
    """Capture fields, like `license`, for rows that have none of their own."""
    task_rows: int = TASK_ROWS
    rows: int = 0
    end: int = 0
    """What is behind the last row, in bytes of a text list or rows of a Parquet list."""
    size: int = 0
    sha256: str = ""
    prefix: str = ""
    """`Reader.prefix_digest` up to `end`."""
    pieces: tuple[tuple[int, int], ...] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises WorkError for a file that is damaged."""
        try:
            values = json.loads(path.read_text())
            return cls(**{**values, "pieces": tuple(map(tuple, values["pieces"]))})
        except (OSError, ValueError, TypeError, KeyError):
            raise WorkError(f"{path}: cannot be read; restore it from a backup") from None


def state_path(directory: Path, list_id: str) -> Path:
    return directory / FOLDER / f"{list_id}.json"


def list_id(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def enlist(
    directory: Path,
    origin: Origin,
    *,
    columns: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    follow: bool = False,
    limit: int = 0,
    task_rows: int = TASK_ROWS,
) -> tuple[ListState, Iterator[NewTask]]:
    """The list as it is now, remembered in `directory` (`raw/urls`), and the tasks of its rows.

    `limit`: only so many rows from the beginning; 0 for all. Raises UsageError for a list that is
    malformed, lacks columns, or changed since its tasks were made (for one that only grew, unless
    `follow` says that it may).
    """
    reader = open_reader(origin.path, origin.name)
    header = reader.header()
    path = state_path(directory, origin.id)
    named = {name: value for name, value in (defaults or {}).items() if value}
    if path.exists():
        state = ListState.load(path)
        _refuse_other_columns(state, find_columns(header, columns or state.columns, origin.name))
        _refuse_changed(state, reader, origin)
        state = replace(state, defaults=named or state.defaults)
    else:
        state = ListState(
            name=origin.name,
            path=str(origin.path),
            columns=find_columns(header, columns or {}, origin.name),
            defaults=named,
            task_rows=task_rows,
        )
    grown = _grown(state, reader, limit)
    if state.pieces and grown.rows > state.rows and not (follow or state.size == _size(origin)):
        raise UsageError(
            f"{origin.name}: has {grown.rows - state.rows} more rows than before;"
            " --follow takes them"
        )
    kept = origin.copy or origin.path
    content = _sha256(origin.path)
    state = replace(grown, path=str(kept), size=_size(origin), sha256=content)
    if kept != origin.path:
        origin.path.replace(kept)
    write_json(path, asdict(state))
    return state, tasks_of(origin.id, state, open_reader(kept, origin.name))


def tasks_of(list_id: str, state: ListState, reader: Reader) -> Iterator[NewTask]:
    """The same tasks whenever they are asked for: rows that came later never move earlier ones."""
    ends = [start for _, start in state.pieces[1:]] + [state.end]
    for (first, start), end in zip(state.pieces, ends, strict=True):
        for part in reader.cut(state.task_rows, first, start, end):
            payload = payload_text({"list": list_id, **part._asdict()})
            yield NewTask(f"{list_id}-{part.first:010d}", payload)


def _grown(state: ListState, reader: Reader, limit: int) -> ListState:
    """The state with the rows behind those that are known, as one more piece."""
    start = state.end if state.pieces else reader.begin()
    rows, end = state.rows, start
    for part in reader.cut(state.task_rows, rows, start):
        if limit and rows + part.rows > limit:
            part = next(reader.cut(max(limit - rows, 1), rows, part.start))
        if limit and rows >= limit:
            break
        rows, end = rows + part.rows, part.end
    if rows == state.rows:
        return state
    return replace(
        state,
        rows=rows,
        end=end,
        pieces=(*state.pieces, (state.rows, start)),
        prefix=reader.prefix_digest(end, state.columns["url"]),
    )


def _refuse_other_columns(state: ListState, columns: dict[str, str]) -> None:
    if columns != state.columns:
        was = ", ".join(f"{name}={column}" for name, column in state.columns.items())
        raise UsageError(f"{state.name}: was begun with the columns {was}; use the same ones")


def _refuse_changed(state: ListState, reader: Reader, origin: Origin) -> None:
    if state.size == _size(origin) and state.sha256 == _sha256(origin.path):
        return
    if state.prefix != reader.prefix_digest(state.end, state.columns["url"]):
        raise UsageError(
            f"{origin.name}: rows that were taken before have changed; give the new list another"
            " name, or use another dataset directory"
        )


def _size(origin: Origin) -> int:
    return origin.path.stat().st_size


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class TaskRows:
    """The rows of tasks, for a worker; each list is opened once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, tuple[ListState, Reader]] = {}

    def read(self, payload: Mapping[str, Any]) -> list[ListRow]:
        """Raises UsageError or WorkError for a list that is gone or changed meanwhile."""
        name = str(payload["list"])
        if name not in self._open:
            state = ListState.load(state_path(self._directory, name))
            self._open[name] = state, open_reader(Path(state.path), state.name)
        state, reader = self._open[name]
        part = Range(*(int(payload[field]) for field in Range._fields))
        rows = read_rows(
            reader.read(part),
            list_id=name,
            list_name=state.name,
            first=part.first,
            columns=state.columns,
            defaults=state.defaults,
        )
        if len(rows) != part.rows:
            raise WorkError(
                f"{state.name}: changed while it was read; restore the list, then run it again"
            )
        return rows
