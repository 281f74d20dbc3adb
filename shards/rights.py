"""Rights: which samples say under what licence they stand, and which must be passed on alike.

A licence is share-alike when whoever changes the work, or builds a database from it, must give the
result under the same terms: Creative Commons …-SA, ODbL, CDLA-Sharing, the GNU licences, the Free
Art License. Crawlers store SPDX identifiers, and a source's own words where it has none.
"""

import re

SHARE_ALIKE_PATTERN = (
    r"\bby(-nc)?[- ]sa\b|share[- ]?alike|\bodbl\b|open (data )?database licen[cs]e"
    r"|\b[al]?gpl|\bgfdl\b|gnu .*licen[cs]e|gnu\.org/(copyleft|licenses)/|\bcopyleft\b"
    r"|\bcdla-sharing|\blal-1|free art licen[cs]e|licence art libre|artlibre\.org"
)
"""Of a licence's name or address, in lower case; what Python and RE2 (DuckDB) read alike."""

LICENSED_SQL = "coalesce(trim(license), '') <> '' AND coalesce(trim(attribution), '') <> ''"
"""The condition of a row that says under which licence it stands and whom to name."""

SHARE_ALIKE_SQL = (
    f"regexp_matches(lower(concat_ws(' ', license, license_url)), '{SHARE_ALIKE_PATTERN}')"
)
"""`is_share_alike` of a row, for DuckDB."""

SHARE_ALIKE_SUFFIX = "-share-alike"
"""What the name of a shard set ends in that holds the share-alike samples of a selection."""


def is_share_alike(license: str | None, license_url: str | None = None) -> bool:  # noqa: A002
    """Whether a licence, as a row names it, asks for the same terms for what is made of it."""
    text = " ".join(filter(None, [license, license_url])).lower()
    return re.search(SHARE_ALIKE_PATTERN, text) is not None
