"""All figures of an evaluation, with their intervals."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enrich.geo.continents import continents
from enrich.geo.countries import country_names
from training.evaluation.calibration import calibration_figures
from training.evaluation.facts import Facts, locate
from training.evaluation.folder import codes_of, confusion, continents_of
from training.evaluation.intervals import (
    LEVEL,
    RESAMPLES,
    Statistic,
    balanced_accuracy_of,
    intervals,
    mean_of,
    quantile_of,
    units_of,
)
from training.evaluation.metrics import (
    RADII_KM,
    TOP,
    class_figures,
    distance_figures,
    figures,
    geoscores,
    log_losses,
    mean_known,
    top_k,
    wilson_interval,
)
from training.evaluation.outcomes import Classified, Outcomes
from training.geometry import Floats
from training.model.cells.table import Names
from training.model.decode import Decoder

CONFUSIONS = 20
"""Pairs that stand in `evaluation.json`; `confusion.csv` has all."""

Path = tuple[str, ...]
"""Where a figure stands: ("country", "top1")."""


def all_figures(
    outcomes: Outcomes, facts: Facts, decoder: Decoder, subset: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Of a split with at least one sample. `subset`: country codes to measure by themselves."""
    shares = _shares(outcomes, facts, decoder)
    found = figures(outcomes)
    for (section, name), share in shares.items():
        found.setdefault(section, {})[name] = mean_known(share)
    found["calibration"] = calibration_figures(
        outcomes.country, decoder.temperature.get(country_head(decoder), 1.0)
    )
    found["interval"] = _add_intervals(found, outcomes, facts, shares)
    if subset:
        found["subset"] = subset_figures(outcomes, facts, subset)
    found["per_country"] = per_country(outcomes, facts, decoder)
    predicted = codes_of(decoder, outcomes.country.predicted)
    wrong = facts.country != predicted
    found["confusions"] = confusion(facts.country[wrong], predicted[wrong])[:CONFUSIONS]
    return found


def country_head(decoder: Decoder) -> str:
    """The head that countries are answered from; the region head without one of countries."""
    kinds = {head.kind: head.name for head in decoder.config.heads}
    return kinds.get("country", decoder.region_head or "")


def _shares(outcomes: Outcomes, facts: Facts, decoder: Decoder) -> dict[Path, Floats]:
    """(n,) 1 for right, 0 for wrong, NaN where a sample does not count, by the figure's place."""
    has_country, has_region = facts.country != "", facts.region != ""
    own = continents_of(facts.country)
    guessed = continents_of(codes_of(decoder, outcomes.country.predicted))
    countries, regions = _where(outcomes.positions)
    found: dict[Path, Floats] = {
        ("continent", "top1"): _share(own == guessed, has_country),
        ("position", "country"): _share(countries == facts.country, has_country),
        ("position", "region"): _share(regions == facts.region, has_region),
        ("position", "continent"): _share(continents_of(countries) == own, has_country),
    }
    if outcomes.region is not None:
        for name, classes in (
            ("summed", outcomes.summed_country),
            ("argmax", outcomes.argmax_country),
        ):
            right = codes_of(decoder, classes) == facts.country
            found["region_to_country", name] = _share(right, has_country)
    return found


def _share(right: NDArray[np.bool_], counts: NDArray[np.bool_]) -> Floats:
    return np.where(counts, right.astype(np.float64), np.nan)


def _where(positions: Floats) -> tuple[Names, Names]:
    """Country code and region id of each predicted position; "" for none."""
    countries = np.full(len(positions), "", dtype="U2")
    regions = np.full(len(positions), "", dtype="U32")
    known = ~np.isnan(positions).any(axis=1)
    if known.any():
        countries[known], regions[known] = locate(positions[known])
    return countries, regions


def _add_intervals(
    found: dict[str, Any], outcomes: Outcomes, facts: Facts, shares: dict[Path, Floats]
) -> dict[str, Any]:
    """Puts NAME_low and NAME_high beside the figures; returns how they were made.

    Shares of samples that were taken one by one have Wilson's interval. Where samples come in
    groups, everything is drawn by groups.
    """
    units, grouped = units_of(facts.group)
    statistics = dict(_statistics(outcomes))
    for path, share in {**_plain_shares(outcomes), **shares}.items():
        if grouped:
            statistics[path] = mean_of(share)
        else:
            counted = share[~np.isnan(share)]
            _put(found, path, _wilson(counted))
    digest = hashlib.sha256("\n".join(facts.keys.tolist()).encode()).digest()
    for path, interval in intervals(statistics, units, int.from_bytes(digest[:8])).items():
        _put(found, path, interval)
    return {
        "level": LEVEL,
        "figures": "percentile bootstrap",
        "shares": "percentile bootstrap" if grouped else "Wilson",
        "over": "groups" if grouped else "samples",
        "drawn": int(units.max()) + 1,
        "resamples": RESAMPLES,
    }


def _plain_shares(outcomes: Outcomes) -> dict[Path, Floats]:
    """Those that `metrics.figures` has."""
    found: dict[Path, Floats] = {}
    for section, classes in _classes(outcomes):
        for k in TOP:
            right = (classes.rank >= 0) & (classes.rank < k)
            found[section, f"top{k}"] = right.astype(np.float64)
    distance = outcomes.distance_km
    for radius in RADII_KM:
        inside = _share(distance <= radius, ~np.isnan(distance))
        found["distance_km", "within", f"{radius} km"] = inside
    return found


def _statistics(outcomes: Outcomes) -> Iterator[tuple[Path, Statistic]]:
    for section, classes in _classes(outcomes):
        yield (section, "balanced_accuracy"), balanced_accuracy_of(classes.true, classes.predicted)
        yield (section, "nll"), mean_of(log_losses(classes.true_probability))
    distance = outcomes.distance_km
    yield ("distance_km", "mean"), mean_of(distance)
    yield ("distance_km", "median"), quantile_of(distance, 0.5)
    yield ("distance_km", "p90"), quantile_of(distance, 0.9)
    yield ("distance_km", "geoscore"), mean_of(geoscores(distance))


def _classes(outcomes: Outcomes) -> Iterator[tuple[str, Classified]]:
    yield "country", outcomes.country
    if outcomes.region is not None:
        yield "region", outcomes.region


def _wilson(share: Floats) -> tuple[float, float] | None:
    return wilson_interval(float(share.mean()), len(share)) if len(share) else None


def _put(found: dict[str, Any], path: Path, interval: tuple[float, float] | None) -> None:
    *sections, name = path
    for section in sections:
        found = found[section]
    if interval is not None and found.get(name) is not None:
        found[f"{name}_low"], found[f"{name}_high"] = interval


def subset_figures(outcomes: Outcomes, facts: Facts, codes: frozenset[str]) -> dict[str, Any]:
    """Of the samples that were taken in these countries; answers may still be any country."""
    rows = np.flatnonzero(np.isin(facts.country, sorted(codes)))
    if not len(rows):
        return {"codes": sorted(codes), "samples": 0}
    return {
        "codes": sorted(codes),
        "samples": len(rows),
        "country": class_figures(outcomes.country.take(rows)),
        "region": class_figures(outcomes.region.take(rows)) if outcomes.region else None,
        "distance_km": distance_figures(outcomes.distance_km[rows]),
    }


def per_country(outcomes: Outcomes, facts: Facts, decoder: Decoder) -> dict[str, Any]:
    """A row for every country that samples were taken in, by its code, in order of codes.

    `known` is false for one that the model has no class for; `predicted` counts how often it was
    answered.
    """
    trained = {country.code: country.samples for country in decoder.labels.countries}
    predicted = codes_of(decoder, outcomes.country.predicted)
    rows = {}
    for code in np.unique(facts.country[facts.country != ""]).tolist():
        mine = np.flatnonzero(facts.country == code)
        rank, distance = outcomes.country.rank[mine], outcomes.distance_km[mine]
        low, high = wilson_interval(top_k(rank, 1), len(mine))
        kilometres = distance_figures(distance)
        answered = int(np.sum(predicted == code))
        rows[code] = {
            "name": country_names().get(code, code),
            "continent": continents().get(code),
            "samples": len(mine),
            **{f"top{k}": top_k(rank, k) for k in TOP},
            "top1_low": low,
            "top1_high": high,
            "predicted": answered,
            "precision": float(np.mean(predicted[mine] == code) * len(mine) / answered)
            if answered
            else None,
            "median_km": kilometres["median"],
            "mean_km": kilometres["mean"],
            "geoscore": kilometres["geoscore"],
            "known": code in trained,
            "training_samples": trained.get(code, 0),
        }
    return rows
