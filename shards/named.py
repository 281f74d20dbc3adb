"""Samples as people name them who want them gone: keys, addresses, SHA-256 of captured files."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from shards.errors import UsageError
from shards.keys import is_key, view_stems


@dataclass(frozen=True, slots=True)
class Named:
    keys: list[str] = field(default_factory=list)
    """Of samples, or of the captures of panoramas, which stands for all views."""
    urls: list[str] = field(default_factory=list)
    """Of a sample's page, or any address in its `extra`."""
    hashes: list[str] = field(default_factory=list)
    """SHA-256 of captured files."""


def parse_names(texts: Sequence[str]) -> Named:
    """Tells by its form what each text is. Raises UsageError for one that is nothing."""
    named = Named()
    for text in (text.strip() for text in texts):
        if "://" in text:
            named.urls.append(text)
        elif re.fullmatch(r"[0-9a-fA-F]{64}", text):
            named.hashes.append(text.lower())
        elif is_key(text):
            named.keys.append(text)
        else:
            raise UsageError(f"{text!r}: give a sample's key, its address, or a SHA-256")
    return named


def find_named(connection: duckdb.DuckDBPyConnection, relation: str, named: Named) -> list[str]:
    """The keys of the rows of `relation` that are named, sorted.

    Raises UsageError for a name that no row has.
    """
    tests = {
        "key = $name OR list_contains($stems, CASE WHEN suffix(key, '-v' || view)"
        " THEN left(key, length(key) - length('-v' || view)) END)": named.keys,
        "source_url = $name OR contains(extra, $quoted)": named.urls,
        "sha256 = $name": named.hashes,
    }
    keys: set[str] = set()
    for test, names in tests.items():
        for name in names:
            values: dict[str, Any] = {"name": name}
            values |= {"stems": list(view_stems(name))} if "$stems" in test else {}
            values |= {"quoted": json.dumps(name)} if "$quoted" in test else {}
            rows = connection.execute(f"SELECT key FROM {relation} WHERE {test}", values).fetchall()  # noqa: S608
            if not rows:
                raise UsageError(f"{name}: no capture has this key, address or SHA-256")
            keys.update(key for (key,) in rows)
    return sorted(keys)


def same_pictures(
    connection: duckdb.DuckDBPyConnection, relation: str, keys: Sequence[str]
) -> list[str]:
    """These keys and those of rows with the same captured bytes, as other views have; sorted."""
    rows = connection.execute(
        f"""
        WITH named AS (SELECT key, sha256 FROM {relation} WHERE list_contains($keys, key))
        SELECT key FROM named
        UNION SELECT key FROM {relation} SEMI JOIN named USING (sha256)
        ORDER BY key
        """,  # noqa: S608 - the name of a view or of a function with quoted paths
        {"keys": list(keys)},
    ).fetchall()
    return [key for (key,) in rows]
