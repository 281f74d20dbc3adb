"""The closed choices of this stage's options; light, so that `lostfound --help` stays quick."""

from enum import StrEnum


class Format(StrEnum):
    """How `query` shows its rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class SplitMethod(StrEnum):
    """How `select` divides samples into train, validation and test."""

    RANDOM = "random"


class SplitBy(StrEnum):
    """What is never divided between two splits."""

    GROUP = "group"
    """A game, sequence or folder; its pictures often show one place."""
    KEY = "key"
