"""Figures, their intervals, and how each kind is written."""

import pytest

from training.evaluation.page.figures import MAX_FIGURES, figure, figures_of, shown

RECORD = {
    "model": "m",
    "fused_views": True,
    "country": {"top1": 0.5, "top1_low": 0.4, "top1_high": 0.6, "balanced_accuracy": None},
    "distance_km": {"median": 123.4, "within": {"25 km": 0.25}},
    "per_country": {"SE": {"top1": 1.0}},
    "loss": float("nan"),
    "curve": [1, 2],
}


def test_every_number_once_with_its_interval() -> None:
    found = {f.path: (f.value, f.low, f.high) for f in figures_of(RECORD)}
    assert found == {
        "country.top1": (0.5, 0.4, 0.6),
        "distance_km.median": (123.4, None, None),
        "distance_km.within.25 km": (0.25, None, None),
    }
    top1 = figure(RECORD, "country.top1")
    assert top1 is not None
    assert (top1.shown, top1.interval) == ("50.0 %", "40.0 % to 60.0 %")
    assert figure(RECORD, "country.balanced_accuracy") is None
    assert figure(RECORD, "region.top1") is None
    assert figure(RECORD, "model.top1") is None


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("distance_km.mean", 1728.4, "1,728 km"),
        ("distance_km.p90", 3.456, "3.46 km"),
        ("distance_km.median", 0.1234, "123 m"),
        ("distance_km.median", 1e-13, "0 m"),
        ("distance_km.within.750 km", 0.5, "50.0 %"),
        ("country.balanced_accuracy", 0.5961, "59.6 %"),
        ("distance_km.geoscore", 3221.7, "3,222"),
        ("distance_km.samples", 1000, "1,000"),
        ("loss", 1.23456, "1.235"),
    ],
)
def test_kinds(path: str, value: float, text: str) -> None:
    assert shown(path, value) == text


def test_there_is_an_end_to_them() -> None:
    assert len(figures_of({str(n): n for n in range(10_000)})) == MAX_FIGURES
