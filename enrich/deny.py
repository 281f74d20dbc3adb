"""Adds rules to a dataset's deny-list and applies it to what the dataset has."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from enrich.duplicates.levels import find_duplicates
from enrich.tombstones import find_tombstones
from shards.denyfile import add_rules, load_denylist
from shards.denylist import Kind, Rule
from shards.errors import UsageError
from shards.layout import DatasetLayout

OPTION = {kind: f"--{kind}" for kind in Kind}


@dataclass(frozen=True, slots=True)
class DenySummary:
    rules: int
    """In the whole list."""
    added: int
    rejected: int
    """Rows of the dataset that the list rejects and that would be kept without it."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def parse_rules(values: Mapping[Kind, Sequence[str]], *, source: str, reason: str) -> list[Rule]:
    """Rules from the options of the command. Raises UsageError, naming the option."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rules = []
    for kind, texts in values.items():
        for text in texts:
            of, value = source, text.strip()
            if kind in (Kind.ID, Kind.GROUP):
                of, _, value = value.partition(":")
                if not (of and value):
                    raise UsageError(f"{OPTION[kind]} {text}: give SOURCE:{kind.upper()}")
            try:
                rules.append(Rule(kind, value, of, reason, now))
            except ValueError as error:
                raise UsageError(f"{OPTION[kind]} {text}: {error}") from None
    return rules


def deny_rules(layout: DatasetLayout, rules: Sequence[Rule]) -> DenySummary:
    """Raises UsageError when neither rules are given nor the dataset has any."""
    if not rules and not layout.denylist.is_file():
        raise UsageError(f"{layout.root}: give a rule, such as --key; it has no denylist.csv yet")
    added = add_rules(layout, rules)
    return DenySummary(
        rules=len(load_denylist(layout).rules), added=added, rejected=apply_denylist(layout)
    )


def apply_denylist(layout: DatasetLayout) -> int:
    """Makes the catalogue anew; returns how many rows the list rejects."""
    if not layout.parts():
        return 0
    rejected = find_tombstones(layout)
    find_duplicates(layout)  # what was a duplicate of a row that is gone may be kept now
    return rejected
