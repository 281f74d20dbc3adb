"""Licences as crawlers store them: identifiers, addresses, and the words of a source."""

import duckdb
import pytest

from shards.rights import LICENSED_SQL, SHARE_ALIKE_SQL, is_share_alike

SHARE_ALIKE = [
    ("CC-BY-SA-4.0", ""),
    ("CC-BY-SA-2.0", "https://creativecommons.org/licenses/by-sa/2.0/"),
    ("CC-BY-NC-SA-3.0", ""),
    ("cc by-sa 3.0 de", ""),
    ("CC BY-SA 2.0 FR", ""),
    ("Attribution-ShareAlike License", ""),
    ("Creative Commons Attribution Share-Alike", ""),
    ("some rights reserved", "https://creativecommons.org/licenses/by-nc-sa/2.5/it/"),
    ("ODbL-1.0", ""),
    ("Open Database License", ""),
    ("", "https://opendatacommons.org/licenses/odbl/1-0/"),
    ("CDLA-Sharing-1.0", ""),
    ("GFDL", ""),
    ("GFDL-1.2-or-later", ""),
    ("GNU Free Documentation License 1.2", ""),
    ("GPL-3.0-only", ""),
    ("LAL-1.3", ""),
    ("Free Art License 1.3", ""),
]
OTHERS = [
    ("", ""),
    ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    ("CC-PDM-1.0", ""),
    ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    ("CC-BY-NC-ND-4.0", ""),
    ("CC BY 3.0", "https://example.org/usa"),
    ("etalab-2.0", ""),
    ("ODC-By-1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    ("PDDL-1.0", ""),
    ("MIT", ""),
    ("Public domain", "https://www.usa.gov/"),
    ("OGL-UK-3.0", ""),
    ("CDLA-Permissive-2.0", ""),
    ("Royal-1 terms", ""),
]


@pytest.mark.parametrize(("name", "url"), SHARE_ALIKE + OTHERS)
def test_share_alike(name: str, url: str) -> None:
    expected = (name, url) in SHARE_ALIKE
    assert is_share_alike(name, url) is expected
    assert is_share_alike(name or None, url or None) is expected
    sql = f"SELECT {SHARE_ALIKE_SQL} FROM (SELECT $name AS license, $url AS license_url)"
    for words in ({"name": name, "url": url}, {"name": name or None, "url": url or None}):
        assert duckdb.execute(sql, words).fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("name", "attribution", "expected"),
    [
        ("CC0-1.0", "Jane", True),
        ("CC0-1.0", " ", False),
        ("", "Jane", False),
        (None, "Jane", False),
        ("CC0-1.0", None, False),
    ],
)
def test_licensed(name: str | None, attribution: str | None, expected: bool) -> None:
    sql = f"SELECT {LICENSED_SQL} FROM (SELECT $name AS license, $words AS attribution)"
    assert duckdb.execute(sql, {"name": name, "words": attribution}).fetchall() == [(expected,)]
