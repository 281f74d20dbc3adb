"""From a model's outputs to an answer: country probabilities and one position.

The position comes from one head, which the configuration names:

- `country` and `region`: of the classes' own places (the centre of a country's training samples, a
  region's midpoint), the one with the highest expected GeoScore Σ p·exp(-d/1492.7 km). Unlike an
  average it never lies in the sea between two likely places, and unlike the most probable class it
  gains from likely neighbours. With few samples this is the honest choice: the network has to
  learn classes only.
- `coordinates`: the direction of the unit vector head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.labels import Labels
from training.geometry import GEOSCORE_SCALE_KM, Floats, haversine_km, positions_of
from training.labels import countries_of_regions


@dataclass(frozen=True, slots=True)
class Answers:
    countries: Floats
    """(n, countries) probabilities."""
    regions: Floats | None
    """(n, regions) probabilities, or None without a region head."""
    positions: Floats
    """(n, 2) degrees (lat, lon)."""


@dataclass(frozen=True, slots=True)
class Decoder:
    labels: Labels
    country_centres: Floats
    region_midpoints: Floats
    position: str

    def answers(self, outputs: dict[str, NDArray[np.float32]]) -> Answers:
        """`outputs`: the heads' arrays by name, (n, head size)."""
        regions = softmax(outputs["region"]) if "region" in outputs else None
        if "country" in outputs:
            countries = softmax(outputs["country"])
        else:
            assert regions is not None  # a model has one of the two
            countries = sum_by_country(regions, self.labels)
        return Answers(countries, regions, self._positions(outputs, countries, regions))

    def _positions(
        self, outputs: dict[str, NDArray[np.float32]], countries: Floats, regions: Floats | None
    ) -> Floats:
        if self.position == "coordinates":
            return positions_of(outputs["coordinates"])
        if self.position == "region":
            assert regions is not None
            return best_place(regions, self.region_midpoints)
        return best_place(countries, self.country_centres)


def softmax(logits: NDArray[np.float32]) -> Floats:
    """Over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sum_by_country(regions: Floats, labels: Labels) -> Floats:
    """P(country) = Σ P(its regions); (n, regions) to (n, countries)."""
    membership = countries_of_regions(labels)[:, None] == np.arange(len(labels.countries))
    return np.asarray(regions @ membership.astype(np.float64))


def best_place(probabilities: Floats, places: Floats) -> Floats:
    """(n, 2) of the `places` (classes, 2) the one with the highest expected GeoScore.

    A place of NaN (a country none of whose training samples has coordinates) is never chosen.
    """
    known = ~np.isnan(places).any(axis=1)
    if not known.any():
        return np.full((len(probabilities), 2), np.nan)
    lat, lon = places[known].T
    gain = np.exp(-haversine_km(lat[:, None], lon[:, None], lat, lon) / GEOSCORE_SCALE_KM)
    expected = probabilities[:, known] @ gain
    return np.asarray(places[known][expected.argmax(axis=1)])
