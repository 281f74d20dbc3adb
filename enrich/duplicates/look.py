"""Settles candidates with a look at the stored pictures, group by group, on all cores.

Pictures that no chain of candidates connects have nothing to do with each other, so groups of
connected ones are settled apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from enrich.duplicates.alignment import Alignment, align
from enrich.duplicates.clusters import Candidate, Limits, Settled, settle
from enrich.duplicates.describe import read_picture
from enrich.duplicates.fingerprint import Small
from enrich.duplicates.windows import REGIONS, TURNED_CENTRES, WHOLE, WINDOWS, Matrix, Window
from shards.fanout import fan_out
from shards.layout import DatasetLayout

Place = tuple[str, int, int]
"""Tar inside the dataset, offset, size."""

_BATCH = 2000
"""Candidates of one task, unless one group alone has more."""
_PICTURES = 1024
"""Pictures of 58 kB that a task keeps decoded."""


@dataclass(frozen=True, slots=True)
class _Batch:
    numbers: list[int]
    """Of the candidates."""
    candidates: list[Candidate]
    places: dict[int, Place]


def look_at(
    layout: DatasetLayout,
    candidates: Sequence[Candidate],
    places: Sequence[Place],
    limits: Limits,
    workers: int,
) -> Iterator[tuple[list[int], Settled]]:
    """Settles all candidates. Yields, per batch, its candidates' numbers and what came out.

    `places` says where each picture stands. A drop's or a look's candidate is an index into the
    batch's numbers.
    """
    batches = list(_batches(candidates, places))
    # Starting Ray costs more than a few looks.
    workers = min(workers, len(batches))

    def task(batch: _Batch) -> tuple[list[int], Settled]:
        cv2.setNumThreads(1)

        @lru_cache(maxsize=_PICTURES)
        def picture(number: int) -> Small:
            return read_picture(layout, *batch.places[number])

        def look(one: Candidate) -> Alignment:
            return align(picture(one.part), picture(one.whole), start_of(one.window))

        return batch.numbers, settle(batch.candidates, look, limits)

    yield from fan_out(task, batches, workers=workers)


def start_of(window: int) -> Matrix:
    """The map from a picture into the one that has this window: where the alignment begins."""
    if WINDOWS[window] in REGIONS:
        return WHOLE.matrix()
    if WINDOWS[window] in TURNED_CENTRES:
        return Window(0, 1, 0, 1, WINDOWS[window].turn).matrix()
    return WINDOWS[window].matrix()


def _batches(candidates: Sequence[Candidate], places: Sequence[Place]) -> Iterator[_Batch]:
    waiting: list[int] = []
    for group in _groups(candidates):
        waiting.extend(group)
        if len(waiting) >= _BATCH:
            yield _batch(waiting, candidates, places)
            waiting = []
    if waiting:
        yield _batch(waiting, candidates, places)


def _batch(numbers: list[int], candidates: Sequence[Candidate], places: Sequence[Place]) -> _Batch:
    chosen = [candidates[number] for number in numbers]
    pictures = {picture for one in chosen for picture in (one.part, one.whole)}
    return _Batch(numbers, chosen, {picture: places[picture] for picture in pictures})


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[int]]:
    """The candidates of each group of connected pictures."""
    if not candidates:
        return
    ends = np.array([(one.part, one.whole) for one in candidates])
    size = int(ends.max()) + 1
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    mine = labels[ends[:, 0]]
    order = np.argsort(mine, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(mine[order])) + 1):
        yield [int(number) for number in group]
