"""`DATASET/denylist.csv`, `rule,value,source,reason,added_at` in each row: people edit it too.

It is asked before anything is fetched and before a capture is committed, and `enrich` rejects by
it what was captured before. A row that is no rule stops the command: nothing is fetched by mistake.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path

from shards.atomic import write_text
from shards.denylist import DenyList, Kind, Rule
from shards.errors import UsageError
from shards.layout import DatasetLayout

COLUMNS = [column.name for column in fields(Rule)]


def load_denylist(layout: DatasetLayout) -> DenyList:
    """No rules where there is no file. Raises UsageError for a row that is no rule."""
    path = layout.denylist
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return DenyList()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    rows = csv.DictReader(io.StringIO(text), restkey="more")
    if rows.fieldnames is None or not {"rule", "value"} <= set(rows.fieldnames):
        raise UsageError(f"{path}: its first line must be {','.join(COLUMNS)}")
    return DenyList(tuple(_rule(path, rows.line_num, row) for row in rows))


def add_rules(layout: DatasetLayout, rules: Iterable[Rule]) -> int:
    """Adds those that do not stand there yet; returns how many. Any number of processes may."""
    layout.root.mkdir(parents=True, exist_ok=True)
    with _locked(layout.root):
        there = load_denylist(layout).rules
        known = {rule.identity() for rule in there}
        new = {rule.identity(): rule for rule in rules if rule.identity() not in known}
        if new:
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(astuple(rule) for rule in (*there, *new.values()))
            write_text(layout.denylist, text.getvalue())
        return len(new)


def _rule(path: Path, line: int, row: dict[str, str]) -> Rule:
    try:
        if "more" in row:
            raise ValueError(f"more than {len(COLUMNS)} fields; put those with a comma in quotes")
        values = {name: (row.get(name) or "").strip() for name in COLUMNS}
        return Rule(Kind(values.pop("rule").lower()), **values)
    except ValueError as error:
        raise UsageError(f"{path}:{line}: {error}; known rules are {', '.join(Kind)}") from None


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
