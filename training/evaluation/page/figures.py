"""The figures of an evaluation as rows of a table: name, value, interval, and how to write them."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_FIGURES = 250
_SHARE = re.compile(r"(^|[._ ])(top\d+|\w*accuracy|ece|\w*share|recall|[\d.]+ km|\w*error)$")
_LENGTH = re.compile(r"distance_km\.(mean|median|p\d+|earth_radius)$|_km$")
_SCORE = re.compile(r"geoscore$")
_COUNT = re.compile(r"(^|\.)(samples|unknown|countries|regions|n)$")


@dataclass(frozen=True, slots=True)
class Figure:
    path: str
    """Names of `evaluation.json`, with dots: `country.top1`."""
    value: float
    low: float | None
    high: float | None

    @property
    def shown(self) -> str:
        return shown(self.path, self.value)

    @property
    def interval(self) -> str:
        """`58.1 % to 60.3 %`; empty without one."""
        if self.low is None or self.high is None:
            return ""
        return f"{shown(self.path, self.low)} to {shown(self.path, self.high)}"


def shown(path: str, value: float) -> str:
    """A figure as its kind is written: a share in per cent, a length in km."""
    if _LENGTH.search(path):
        return kilometres(value)
    if _SHARE.search(path):
        return f"{100 * value:.1f} %"
    if _COUNT.search(path) or _SCORE.search(path):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def kilometres(value: float) -> str:
    """Three figures, whole km from 100, and whole metres below 1 km."""
    if abs(value) < 1:
        return f"{1000 * value:.0f} m"
    return f"{value:,.0f} km" if abs(value) >= 100 else f"{value:.3g} km"


def figures_of(record: Mapping[str, Any]) -> list[Figure]:
    """Every number of an evaluation that stands alone, in the file's order.

    `NAME_low` and `NAME_high` beside a NAME are its interval. Tables (`per_…`) are left out.
    """
    found = []
    for figure in _walk(record, ""):
        found.append(figure)
        if len(found) == MAX_FIGURES:
            break
    return found


def _walk(values: Mapping[str, Any], above: str) -> Iterator[Figure]:
    for name, value in values.items():
        path = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping):
            if above.count(".") < 3 and not str(name).startswith("per_"):
                yield from _walk(value, path)
        elif _is_number(value) and not _is_bound(name, values):
            yield Figure(
                path, float(value), _bound(values, f"{name}_low"), _bound(values, f"{name}_high")
            )


def _bound(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if value is not None and _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_bound(name: str, values: Mapping[str, Any]) -> bool:
    stem = re.sub(r"_(low|high)$", "", name)
    return stem != name and stem in values


def figure(record: Mapping[str, Any], path: str) -> Figure | None:
    """One figure by its path; None where the evaluation has none."""
    *sections, name = path.split(".")
    values: Any = record
    for section in sections:
        values = values.get(section) if isinstance(values, Mapping) else None
    if not isinstance(values, Mapping) or not _is_number(values.get(name)):
        return None
    return Figure(
        path, float(values[name]), _bound(values, f"{name}_low"), _bound(values, f"{name}_high")
    )
