"""The closed choices of this stage's options; light, so that `lostfound --help` stays quick."""

from enum import StrEnum

COUNTRY = "country_code"
REGION = "region_id"
"""The columns of `samples` whose values have names and areas."""


class Format(StrEnum):
    """How `query` shows its rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class SplitMethod(StrEnum):
    """How `select` divides samples into train, validation and test."""

    RANDOM = "random"
    """By the hash of a group or key."""
    SPATIAL = "spatial"
    """By the hash of a block of the map, with a buffer between the splits."""


class SplitBy(StrEnum):
    """What is never divided between two splits."""

    GROUP = "group"
    """A game, sequence or folder; its pictures often show one place."""
    KEY = "key"


class Rule(StrEnum):
    """What the counts of a selection follow."""

    TARGET = "target"
    """The counts of a target distribution."""
    EQUAL = "equal"
    """The same count each."""
    SQRT = "sqrt"
    """The square root of the target's counts, or of the pool's own."""
    AREA = "area"
    """The areas of countries or regions."""
