from pathlib import Path

import numpy as np
import pytest

from shards.errors import UsageError, WorkError
from training.geometry import haversine_km
from training.model.retrieval import (
    Gallery,
    Method,
    normalised,
    read_gallery,
    refiner,
    write_gallery,
)

PARIS, LYON, ROME, OSLO = (48.9, 2.4), (45.8, 4.8), (41.9, 12.5), (59.9, 10.7)


def _gallery(rows: list[tuple[list[float], tuple[float, float], int]]) -> Gallery:
    embeddings, positions, cells = zip(*rows, strict=True)
    return Gallery(
        normalised(np.array(embeddings, np.float32)), np.array(positions), np.array(cells)
    )


def _one(gallery: Gallery, method: Method, query: list[float], cells: list[float] | None) -> object:
    probabilities = None if cells is None else np.array([cells])
    found = refiner(gallery, method)(np.array([query], np.float32), probabilities)
    assert found.shape == (1, 2)
    return tuple(found[0].round(3).tolist())


def test_neighbours_lie_densest() -> None:
    """Two alike photographs in Paris outweigh the single most similar one in Rome."""
    near_paris = (PARIS[0] + 0.2, PARIS[1])
    rows = [([1.0, 0.2], PARIS, 0), ([1, 0.21], near_paris, 0), ([1, 0.1], ROME, 1)]
    gallery = _gallery([*rows, ([-1.0, 0], OSLO, 2), ([-1, 0.1], OSLO, 2), ([-1, 0], OSLO, 2)])
    assert _one(gallery, "neighbours", [1, 0.1], None) in (PARIS, tuple(np.round(near_paris, 3)))
    assert _one(gallery, "neighbours", [-3, 0], None) == OSLO


def test_a_single_neighbour() -> None:
    assert _one(_gallery([([0, 1], ROME, 0)]), "neighbours", [1, 0], None) == ROME


def test_prototypes_are_the_means_of_a_square() -> None:
    close = (PARIS[0] + 0.02, PARIS[1])
    gallery = _gallery([([1, 0], PARIS, 0), ([0, 1], close, 0), ([0, -1], ROME, 1)])
    found = _one(gallery, "prototypes", [1, 1], [0.5, 0.5])
    assert haversine_km(*found, PARIS[0] + 0.01, PARIS[1]) < 0.2  # type: ignore[misc]


def test_prototypes_of_the_likeliest_cells() -> None:
    rows = [([1, 0], PARIS, 0), ([1, 0.3], LYON, 0), ([0, 1], ROME, 1), ([0, 1], OSLO, 2)]
    gallery = _gallery(rows)
    assert _one(gallery, "prototypes", [1, 0.3], [0.9, 0.1, 0.0]) == LYON
    assert _one(gallery, "prototypes", [1, 0], [0.9, 0.1, 0.0]) == PARIS
    # Alike enough, an unlikely cell wins; one with no probability never does.
    assert _one(gallery, "prototypes", [0, 1], [0.9, 0.1, 0.0]) == ROME
    assert _one(gallery, "prototypes", [0, 1], [1.0, 0.0, 0.0]) == LYON
    assert _one(gallery, "prototypes", [0, 1], None) in (ROME, OSLO)


def test_only_five_cells_are_looked_into() -> None:
    gallery = _gallery([([1.0, i / 10], (float(i), 0.0), i) for i in range(7)])
    probabilities = [0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05]
    # The query is the seventh's own embedding.
    found = _one(gallery, "prototypes", [1.0, 0.6], probabilities)
    assert found != (6.0, 0.0)


def test_a_gallery_without_cells() -> None:
    gallery = _gallery([([1, 0], PARIS, -1), ([0, 1], ROME, -1)])
    assert _one(gallery, "prototypes", [0, 1], [0.5, 0.5]) == ROME


def test_nothing_to_look_up() -> None:
    empty = Gallery(np.empty((0, 2), np.float32), np.empty((0, 2)), np.empty(0, np.int64))
    with pytest.raises(UsageError, match="no training sample has coordinates"):
        refiner(empty, "neighbours")


def test_the_file(tmp_path: Path) -> None:
    path, gallery = tmp_path / "e.safetensors", _gallery([([1, 0], PARIS, 0), ([3, 4], ROME, 1)])
    with pytest.raises(UsageError, match="lostfound embed"):
        read_gallery(path, "abc")
    write_gallery(path, gallery, "abc")
    found = read_gallery(path, "abc")
    assert np.allclose(found.embeddings, gallery.embeddings, atol=1e-3)
    assert np.array_equal(found.positions, gallery.positions)
    assert np.array_equal(found.cells, gallery.cells)
    with pytest.raises(UsageError, match="another model"):
        read_gallery(path, "def")
    path.write_bytes(b"broken")
    with pytest.raises(WorkError, match="cannot be read"):
        read_gallery(path, "abc")
