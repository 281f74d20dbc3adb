"""The figures of an evaluation that a terminal shows."""

from collections.abc import Mapping
from typing import Any

_KM, _SHARE, _PLAIN = "{:,.0f} km", "{:.1%}", "{:.3g}"
_ROWS = (
    ("country, top-1", "country.top1", _SHARE),
    ("country, top-3", "country.top3", _SHARE),
    ("country, top-5", "country.top5", _SHARE),
    ("country, balanced", "country.balanced_accuracy", _SHARE),
    ("in the subset, balanced", "subset.country.balanced_accuracy", _SHARE),
    ("always the largest country", "majority_top1", _SHARE),
    ("region, top-1", "region.top1", _SHARE),
    ("region, top-5", "region.top5", _SHARE),
    ("region to country, summed", "region_to_country.summed", _SHARE),
    ("continent", "continent.top1", _SHARE),
    ("distance, median", "distance_km.median", _KM),
    ("distance, mean", "distance_km.mean", _KM),
    ("distance, 90 %", "distance_km.p90", _KM),
    ("within 25 km", "distance_km.within.25 km", _SHARE),
    ("within 200 km", "distance_km.within.200 km", _SHARE),
    ("within 750 km", "distance_km.within.750 km", _SHARE),
    ("GeoScore of 5,000", "distance_km.geoscore", "{:,.0f}"),
    ("negative log-likelihood", "country.nll", _PLAIN),
    ("calibration error", "calibration.ece", _SHARE),
)

LABELS = {path: label for label, path, _ in _ROWS}
"""By a figure's path in `evaluation.json`."""


def headline(record: Mapping[str, Any], page: str) -> dict[str, Any]:
    """Rows for `print_summary`; an interval in brackets where there is one. `page`: where the
    page of the evaluation is."""
    found: dict[str, Any] = {name: record[name] for name in ("samples", "countries")}
    for label, path, form in _ROWS:
        value, low, high = (_at(record, path + end) for end in ("", "_low", "_high"))
        if value is None:
            continue
        shown = form.format(value)
        if low is not None and high is not None:
            shown += f"  ({form.format(low)} to {form.format(high)})"
        found[label] = shown
    if unread := _at(record, "images.failed"):
        found["could not be used"] = unread
    if unknown := _at(record, "country.unknown"):
        found["of no country of the model"] = unknown
    interval = record["interval"]
    found["intervals"] = f"{interval['level']:.0%}, drawn by {interval['over']}"
    found["page"] = page
    return found


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, Mapping) else None
    return record
