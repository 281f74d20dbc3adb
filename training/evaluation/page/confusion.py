"""Which countries a model takes for which, from the rows of an evaluation."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from training.evaluation.metrics import wilson_interval
from training.evaluation.page.predictions import Predictions

MATRIX_SIZE = 16
MAX_PAIRS = 20
MAX_COUNTRIES = 300


@dataclass(frozen=True, slots=True)
class CountryRow:
    """One country of the samples."""

    code: str
    samples: int
    recall: float
    low: float
    high: float
    median_km: float | None
    mistaken_for: str
    """The code that the model gave most often in its place; empty when it was never mistaken."""
    mistaken: int


@dataclass(frozen=True, slots=True)
class Pair:
    true: str
    predicted: str
    samples: int
    share: float
    """Of the true country's samples."""
    median_km: float | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows: true countries; columns: predicted ones, the same; then all others together."""

    codes: list[str]
    counts: list[list[int]]
    """(rows, columns + 1)"""


def country_rows(predictions: Predictions) -> list[CountryRow]:
    """The countries with the most samples first; those without a country are left out."""
    rows = _rows_by(predictions.country)
    wrong = _mistakes(predictions)
    found = [
        _country_row(predictions, code, np.array(own), wrong) for code, own in rows.items() if code
    ]
    return sorted(found, key=lambda row: (-row.samples, row.code))


def _country_row(
    predictions: Predictions, code: str, rows: np.ndarray, wrong: Counter[tuple[str, str]]
) -> CountryRow:
    recall = float(np.mean(predictions.right[rows]))
    taken = [(n, other) for (true, other), n in wrong.items() if true == code]
    mistaken, mistaken_for = max(taken, default=(0, ""), key=lambda one: (one[0], one[1]))
    return CountryRow(
        code,
        len(rows),
        recall,
        *wilson_interval(recall, len(rows)),
        _median(predictions, rows),
        mistaken_for,
        mistaken,
    )


def pairs(predictions: Predictions, most: int = MAX_PAIRS) -> list[Pair]:
    """The most frequent mistakes."""
    totals = Counter(predictions.country)
    rows = defaultdict(list)
    for row in np.flatnonzero(~predictions.right):
        if predictions.country[row]:
            rows[predictions.country[row], predictions.predicted[row]].append(int(row))
    ordered = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
    return [
        Pair(true, other, len(own), len(own) / totals[true], _median(predictions, np.array(own)))
        for (true, other), own in ordered
    ]


def matrix(predictions: Predictions, size: int = MATRIX_SIZE) -> Matrix:
    """Of the countries that most mistakes are about, as the true or as the predicted one."""
    about: Counter[str] = Counter()
    for (true, other), count in _mistakes(predictions).items():
        about.update({true: count, other: count})
    samples = Counter(predictions.country)
    codes = sorted((c for c in about if samples[c]), key=lambda code: (-about[code], code))[:size]
    codes.sort(key=lambda code: (-samples[code], code))
    at = {code: number for number, code in enumerate(codes)}
    counts = [[0] * (len(codes) + 1) for _ in codes]
    for true, other in zip(predictions.country, predictions.predicted, strict=True):
        if true in at:
            counts[at[true]][at.get(other, len(codes))] += 1
    return Matrix(codes, counts)


def _mistakes(predictions: Predictions) -> Counter[tuple[str, str]]:
    return Counter(
        (predictions.country[row], predictions.predicted[row])
        for row in np.flatnonzero(~predictions.right)
        if predictions.country[row]
    )


def _rows_by(codes: list[str]) -> dict[str, list[int]]:
    rows = defaultdict(list)
    for row, code in enumerate(codes):
        rows[code].append(row)
    return rows


def _median(predictions: Predictions, rows: np.ndarray) -> float | None:
    km = predictions.distance_km[rows]
    known = km[~np.isnan(km)]
    return float(np.median(known)) if len(known) else None
