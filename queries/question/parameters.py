"""The parameters of a statement, `$name` in its text: what is given, asked for, and left out.

A statement that is kept in a file may say in comments what they are, and give defaults:

    -- $km: pairs nearer than this. Default 0.05.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from shards.errors import UsageError

Value = str | int | float

_NAME = re.compile(r"[A-Za-z_]\w*")
_DECLARED = re.compile(r"^-- \$(\w+): (.*?)(?: Default (\S+)\.)?$", re.MULTILINE)


def parse_parameters(given: Sequence[str]) -> dict[str, Value]:
    """`name=value` of each `--param`: a number where it reads as one, `@FILE` for a file's text.

    Raises UsageError for anything else, for a name that comes twice and for a file that cannot be
    read.
    """
    values: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise UsageError(f"--param {text!r}: give name=value")
        if name in values:
            raise UsageError(f"--param {name}: given twice")
        values[name] = _file_text(name, Path(value[1:])) if value[:1] == "@" else _value(value)
    return values


def fill(sql: str, asked: set[str], given: Mapping[str, Value]) -> dict[str, Value]:
    """The values of all parameters of a statement, with the defaults that its comments give.

    Raises UsageError that names every one that is missing, or one that the statement lacks.
    """
    if unknown := sorted(set(given) - asked):
        have = ", ".join(f"${name}" for name in sorted(asked)) or "none"
        raise UsageError(f"--param {unknown[0]}: no parameter of this statement; it has {have}")
    values = {name: _value(default) for name, default in _defaults(sql).items() if name in asked}
    values |= given
    if missing := sorted(asked - set(values)):
        said = described(sql)
        asks = ", ".join(
            f"--param {name}=…" + (f" ({said[name]})" if name in said else "") for name in missing
        )
        raise UsageError(f"SQL: a parameter has no value; give {asks}")
    return values


def described(sql: str) -> dict[str, str]:
    """What the comments of a statement say of its parameters."""
    return {match[1]: match[2].rstrip(".") for match in _DECLARED.finditer(sql)}


def _defaults(sql: str) -> dict[str, str]:
    return {match[1]: match[3] for match in _DECLARED.finditer(sql) if match[3]}


def _value(text: str) -> Value:
    for kind in (int, float):
        # Digits alone: Python also reads 1_000 and nan.
        if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _file_text(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"--param {name}: {file}: {reason}") from None
