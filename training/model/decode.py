"""From a model's outputs to an answer: probabilities of countries and cells, and one position.

The position comes from one head, which the configuration names:

- `country` and `region`: of the classes' own places (the centre of a country's training samples, a
  cell's midpoint), the one with the highest expected GeoScore Σ p·exp(-d/1492.7 km). Unlike an
  average it never lies in the sea between two likely places, and unlike the most probable class
  (`argmax`) it gains from likely neighbours. With few samples this is the honest choice: the
  network has to learn classes only.
- `offset`: the same cell, and in it the place that the offset head gives for this cell.
- `coordinates`: the direction of the unit vector head.

Countries and cells are marginals of one joint distribution, so they never contradict each other.
With one of the two heads, the other follows from the share s of each cell's training samples that
each country has: P(country) = Σ s·P(cell). With both, the joint probability of a cell and a country
is `condition`: P_country · s·P_cell / Σ(that country's s·P_cell): the country head decides between
countries, the cells within; or `product`: P_country · s·P_cell, normalised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shards.labels import Labels
from training.config import Config
from training.geometry import (
    GEOSCORE_SCALE_KM,
    Floats,
    at_local_km,
    distances_km,
    positions_of,
)
from training.head_config import HeadConfig
from training.model.cells.table import Cells
from training.model.heads import AROUND
from training.model.retrieval import Embeddings, Refiner

Outputs = Mapping[str, NDArray[np.float32]]
"""The heads' arrays by name, (n, head size)."""

AROUND_KM = 75.0
"""How fast the weight of regions around a bare position falls off."""


@dataclass(frozen=True, slots=True)
class Answers:
    countries: Floats
    """(n, countries) probabilities."""
    cells: Floats | None
    """(n, cells) probabilities, or None without a region head."""
    positions: Floats
    """(n, 2) degrees (lat, lon)."""


class Places:
    """Places of classes, (classes, 2) degrees, and what a guess of one is worth at the others.

    A place of NaN (a country none of whose training samples has coordinates) is never chosen.
    """

    def __init__(self, positions: Floats) -> None:
        self.positions = positions
        self._known = np.flatnonzero(~np.isnan(positions).any(axis=1))

    def expected(self, probabilities: Floats) -> NDArray[np.int64]:
        """(n,) the class whose place has the highest expected GeoScore; -1 when none is known."""
        return self._choose(probabilities[:, self._known].astype(np.float32) @ self._gain)

    def likeliest(self, probabilities: Floats) -> NDArray[np.int64]:
        return self._choose(probabilities[:, self._known])

    def at(self, chosen: NDArray[np.int64]) -> Floats:
        """(n, 2); NaN for -1."""
        return np.vstack([self.positions, [np.nan, np.nan]])[chosen]

    def _choose(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        if values.shape[1] == 0:
            return np.full(len(values), -1, dtype=np.int64)
        return np.asarray(self._known[values.argmax(axis=1)])

    @cached_property
    def _gain(self) -> NDArray[np.float32]:
        """(known, known) exp(-d/1492.7 km), made once: 84 MB for 4,596 classes, even in float32."""
        known = self.positions[self._known]
        gain = np.empty((len(known), len(known)), dtype=np.float32)
        for row in range(len(known)):
            gain[row] = np.exp(-distances_km(known[row : row + 1], known)[0] / GEOSCORE_SCALE_KM)
        return gain


class Decoder:
    """The rules above for one dataset's classes and one configuration's heads."""

    def __init__(
        self,
        labels: Labels,
        country_centres: Floats,
        cells: Mapping[str, Cells],
        config: Config,
        temperature: Mapping[str, float] | None = None,
    ) -> None:
        """`temperature`: by the name of a head of classes; 1 where none is given.

        Raises ValueError for the temperature of a head that has no classes.
        """
        self.labels = labels
        self.country_centres = country_centres
        self.cells = dict(cells)
        self.config = config
        self._heads: dict[str, HeadConfig] = {head.name: head for head in config.heads}
        self.region_head = self._region_head()
        self.temperature = dict(temperature or {})
        for name in self.temperature:
            if name not in self._heads or self._heads[name].kind not in ("country", "region"):
                raise ValueError(f"temperature of {name}: there is no such head of classes")
        self.refiner: Refiner | None = None
        """Where positions come from instead, by embeddings; see `training.model.retrieval`."""
        codes = [country.code for country in labels.countries]
        self._shares = {name: own.membership(codes) for name, own in self.cells.items()}
        self._centres = Places(country_centres)
        self._midpoints = {name: Places(own.midpoints) for name, own in self.cells.items()}

    def _region_head(self) -> str | None:
        """The region head that cells are answered from: the position's own, else the first."""
        position = self._heads[self.config.position]
        if position.kind == "offset":
            return position.cells_of
        regions = [name for name, head in self._heads.items() if head.kind == "region"]
        return position.name if position.kind == "region" else next(iter(regions), None)

    @property
    def answered_cells(self) -> Cells | None:
        """The cells of `Answers.cells`."""
        return self.cells[self.region_head] if self.region_head else None

    def answers(self, outputs: Outputs, embeddings: Embeddings | None = None) -> Answers:
        """`embeddings`: (n, features) that the heads saw, for the refiner if there is one."""
        found = self._answers(outputs)
        if self.refiner is None or embeddings is None:
            return found
        return replace(found, positions=self.refiner(embeddings, found.cells))

    def _answers(self, outputs: Outputs) -> Answers:
        country = next((n for n, head in self._heads.items() if head.kind == "country"), None)
        countries = self._probabilities(outputs, country) if country else None
        if self.region_head is None:
            if countries is not None:
                return Answers(countries, None, self._positions(outputs, countries, None))
            positions = self._positions(outputs, None, None)
            return Answers(self._countries_around(positions), None, positions)
        cells = self._probabilities(outputs, self.region_head)
        shares = self._shares[self.region_head]
        if countries is None:
            countries = cells @ shares
        elif self.config.hierarchy == "condition":
            cells = conditioned(countries, cells, shares)
        else:
            countries, cells = multiplied(countries, cells, shares)
        return Answers(countries, cells, self._positions(outputs, countries, cells))

    def _probabilities(self, outputs: Outputs, head: str) -> Floats:
        return softmax(outputs[head] / np.float32(self.temperature.get(head, 1.0)))

    def _positions(
        self, outputs: Outputs, countries: Floats | None, cells: Floats | None
    ) -> Floats:
        head = self._heads[self.config.position]
        if head.kind == "coordinates":
            return positions_of(outputs[head.name])
        if head.kind == "country":
            assert countries is not None
            return self._centres.at(self._choose(self._centres, countries))
        assert cells is not None
        assert self.region_head is not None
        places = self._midpoints[self.region_head]
        chosen = self._choose(places, cells)
        if head.kind == "region":
            return places.at(chosen)
        offsets = outputs[head.name].reshape(len(chosen), -1, 2)[np.arange(len(chosen)), chosen]
        local = np.clip(offsets.astype(np.float64), -1, 1)
        local *= self.cells[self.region_head].radii_km[chosen, None]
        lat, lon = places.at(chosen).T
        return at_local_km(lat, lon, local)

    def _choose(self, places: Places, probabilities: Floats) -> NDArray[np.int64]:
        if self.config.decode == "expected":
            return places.expected(probabilities)
        return places.likeliest(probabilities)

    def _countries_around(self, positions: Floats) -> Floats:
        """(n, countries) of positions alone: by the regions, or countries, with near places."""
        around = self.cells.get(AROUND)
        places = self.country_centres if around is None else around.midpoints
        distance = np.nan_to_num(distances_km(positions, places), nan=1e5)
        near = softmax((-distance / AROUND_KM).astype(np.float32))
        return near if around is None else near @ self._shares[AROUND]


def softmax(logits: NDArray[np.float32]) -> Floats:
    """Over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def conditioned(countries: Floats, cells: Floats, shares: Floats) -> Floats:
    """(n, cells) P(cell) = Σ_country P(country)·P(cell | country), see above.

    Cells of a country add up to its probability. A country without cells keeps its own.
    """
    mass = cells @ shares
    ratio = np.divide(countries, mass, out=np.zeros_like(countries), where=mass > 0)
    return np.asarray(cells * (ratio @ shares.T))


def multiplied(countries: Floats, cells: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Countries and cells of the normalised product, see above."""
    joint_countries, joint_cells = countries * (cells @ shares), cells * (countries @ shares.T)
    total = joint_countries.sum(axis=1, keepdims=True)
    # Where both heads are sure, of different countries, nothing is left to normalise.
    agree = total > 0
    total = np.where(agree, total, 1.0)
    return (
        np.where(agree, joint_countries / total, countries),
        np.where(agree, joint_cells / total, conditioned(countries, cells, shares)),
    )
