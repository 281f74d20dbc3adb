"""What became of each sample: the row of an evaluation from which all of its figures follow.

A sample's row is computed where its answer is; rows are plain numbers, so that processes can
gather them exactly. Figures are computed from all rows together: medians and balanced accuracy
cannot be had from sums.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.samples import Samples
from training.geometry import Floats, haversine_km
from training.model.cells.build import region_ids
from training.model.cells.table import Cells, Names
from training.model.decode import Answers, Decoder, Outputs, softmax

Ints = NDArray[np.int64]

TOP = 5
"""How many of the likeliest countries a row names."""
_CLASS_COLUMNS = 5
_COLUMNS = 2 * _CLASS_COLUMNS + 5 + 2 * TOP


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known about the samples of a split, in its order."""

    country: Ints
    """(n,) class; -1 for none that the model knows."""
    cell: Ints | None
    """(n,) class of the answered region head; -1 for none; None without such a head."""
    positions: Floats
    """(n, 2) degrees; NaN for unknown."""

    def __len__(self) -> int:
        return len(self.country)


@dataclass(frozen=True, slots=True)
class Classified:
    """What became of each sample as one of a set of classes, all of shape (n,)."""

    true: Ints
    """-1 for a class that the model does not know."""
    predicted: Ints
    """The most probable class."""
    rank: Ints
    """How many classes were judged more probable than the true one; -1 when it is unknown."""
    probability: Floats
    """Of the predicted class."""
    true_probability: Floats
    """Of the true class; NaN when it is unknown."""
    brier: Floats
    """Σ (p - y)² over the classes; NaN when the true one is unknown."""

    def __len__(self) -> int:
        return len(self.true)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.rank == 0)

    def take(self, rows: NDArray[np.generic]) -> "Classified":
        return Classified(
            self.true[rows],
            self.predicted[rows],
            self.rank[rows],
            self.probability[rows],
            self.true_probability[rows],
            self.brier[rows],
        )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each sample of a split, in its order."""

    country: Classified
    region: Classified | None
    """None without a region head."""
    summed_country: Ints
    """(n,) country of the largest sum of the region head's own probabilities; -1 without one."""
    argmax_country: Ints
    """(n,) country of the region head's own most probable region; -1 without one."""
    true_positions: Floats
    """(n, 2) degrees; NaN for a sample without coordinates."""
    positions: Floats
    """(n, 2) degrees; NaN where the model gives none."""
    distance_km: Floats
    """(n,) between the predicted and the true position; NaN where one of them is unknown."""
    loss: Floats
    """(n,) weighted over the heads."""
    top: Ints
    """(n, 5) the most probable countries, the likeliest first; -1 beyond the last class."""
    top_probability: Floats
    """(n, 5); NaN beyond the last class."""

    def __len__(self) -> int:
        return len(self.country)


def truth_of(samples: Samples, decoder: Decoder) -> Truth:
    """Of samples whose classes are the decoder's."""
    positions = np.column_stack([samples.lat, samples.lon])
    cells = decoder.answered_cells
    regions = region_ids(decoder.labels, samples)
    return Truth(
        samples.country, true_cells(cells, positions, regions) if cells else None, positions
    )


def true_cells(cells: Cells, positions: Floats, regions: Names) -> Ints:
    """(n,) class of each sample; -1 for a region without training photographs.

    While training, such a sample learns the nearest cell; as an answer that would be wrong. Squares
    cover the whole Earth: what lies in none of them belongs to the nearest one.
    """
    found = cells.assign(positions, regions)
    if cells.table.members == "regions":
        members = {member for cell in cells.table.cells for member in cell.members}
        found[~np.isin(regions, sorted(members))] = -1
    return found


class Judge:
    """Compares answers with the truth."""

    def __init__(self, decoder: Decoder, truth: Truth) -> None:
        self.truth = truth
        self._head, cells = decoder.region_head, decoder.answered_cells
        self._temperature = decoder.temperature.get(self._head or "", 1.0)
        codes = [country.code for country in decoder.labels.countries]
        self._membership = cells.membership(codes) if cells else None

    def empty(self) -> Floats:
        """A table of zeros with a row for each sample."""
        return np.zeros((len(self.truth), _COLUMNS))

    def rows(self, outputs: Outputs, answers: Answers, which: Ints, loss: Floats) -> Floats:
        """(samples, columns) rows of the table, for the samples `which`."""
        truth = self.truth
        top, top_probability = most_probable(answers.countries, TOP)
        region = np.zeros((len(which), _CLASS_COLUMNS))
        if truth.cell is not None and answers.cells is not None:
            region = _class_columns(answers.cells, truth.cell[which])
        return np.column_stack(
            [
                _class_columns(answers.countries, truth.country[which]),
                region,
                *self._countries_of_regions(outputs, len(which)),
                answers.positions,
                loss,
                top,
                top_probability,
            ]
        )

    def _countries_of_regions(self, outputs: Outputs, samples: int) -> tuple[Ints, Ints]:
        """(n,) and (n,): by summed probabilities, and by the most probable region."""
        if self._head is None or self._membership is None:
            none = np.full(samples, -1, dtype=np.int64)
            return none, none
        alone = softmax(outputs[self._head] / np.float32(self._temperature))
        owner = self._membership.argmax(axis=1)
        return (alone @ self._membership).argmax(axis=1), owner[alone.argmax(axis=1)]

    def outcomes(self, table: Floats) -> Outcomes:
        """Of a table all of whose rows were filled in."""
        truth, after = self.truth, 2 * _CLASS_COLUMNS
        region = table[:, _CLASS_COLUMNS:after]
        positions = table[:, after + 2 : after + 4]
        top = table[:, after + 5 :]
        return Outcomes(
            country=_classified(truth.country, table[:, :_CLASS_COLUMNS]),
            region=None if truth.cell is None else _classified(truth.cell, region),
            summed_country=table[:, after].astype(np.int64),
            argmax_country=table[:, after + 1].astype(np.int64),
            true_positions=truth.positions,
            positions=positions,
            distance_km=haversine_km(*positions.T, *truth.positions.T),
            loss=table[:, after + 4],
            top=top[:, :TOP].astype(np.int64),
            top_probability=top[:, TOP:],
        )


def _class_columns(probabilities: Floats, true: Ints) -> Floats:
    rows = np.arange(len(true))
    predicted = probabilities.argmax(axis=1)
    own = np.where(true < 0, np.nan, probabilities[rows, true])
    squares = (probabilities**2).sum(axis=1)
    return np.column_stack(
        [
            predicted,
            rank_of(probabilities, true),
            probabilities[rows, predicted],
            own,
            squares - 2 * own + 1,
        ]
    )


def _classified(true: Ints, columns: Floats) -> Classified:
    predicted, rank, *floats = columns.T
    return Classified(true, predicted.astype(np.int64), rank.astype(np.int64), *floats)


def rank_of(probabilities: Floats, true: Ints) -> Ints:
    """How many classes stand before the true one, equal ones in index order; -1 for true = -1."""
    own = probabilities[np.arange(len(true)), true][:, None]
    before = np.arange(probabilities.shape[1]) < true[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & before)
    return np.where(true < 0, -1, ahead.sum(axis=1))


def most_probable(probabilities: Floats, k: int) -> tuple[Ints, Floats]:
    """(n, k) classes, the most probable first, equal ones in index order; and what they have.

    With fewer classes than k, -1 and NaN take the places behind them.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    missing = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(order, missing, constant_values=-1),
        np.pad(np.take_along_axis(probabilities, order, 1), missing, constant_values=np.nan),
    )
