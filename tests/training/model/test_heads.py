"""Heads over a real shard directory: what they learn from is where the photographs are."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny_config
from tests.training.shardmaker import PLACES
from training.data.labels import read_labels
from training.data.loader import Loader, View
from training.data.samples import Samples, read_samples
from training.geometry import positions_of, torch_distances_km
from training.job.train import run_training
from training.model.heads import AROUND, Heads, cells_for
from training.model.losses import cell_targets
from training.model.modelfile import load_model

KINDS = ("country", "region", "coordinates", "offset")


def _heads(shards: Path, heads: list[Any], **options: Any) -> tuple[Heads, Samples]:
    config = tiny_config(f"heads={heads}", f"position={options.get('position', 'country')}")
    labels = read_labels(shards)
    train = read_samples(shards, "train", labels)
    return Heads(config.heads, labels, cells_for(config.heads, labels, train)), train


def test_targets_are_at_the_photographs(shards: Path) -> None:
    """Fails when latitude and longitude are swapped anywhere between the shards and the loss."""
    heads, samples = _heads(shards, ["country", "region"])
    with Loader(samples, (32, 18), targets=heads.targets(samples)) as loader:
        batch = next(loader.batches([np.arange(8)], View((32, 18))))
    direction = batch.targets["direction"]
    for row, (lat, lon) in enumerate(positions_of(direction.numpy())):
        place = PLACES[row % 4]
        assert (lat, lon) == pytest.approx((place.lat + row % 7 / 10, place.lon), abs=1e-4)
    midpoints = positions_of(heads.get_buffer("midpoints_region").numpy())
    for place, found in zip(PLACES, midpoints, strict=True):
        assert found == pytest.approx((place.lat, place.lon), abs=3)
    distance = torch_distances_km(direction, heads.get_buffer("midpoints_region"))
    assert distance.argmin(dim=1).tolist() == [0, 1, 2, 3] * 2
    assert cell_targets(distance, 75.0).argmax(dim=1).tolist() == [0, 1, 2, 3] * 2
    assert batch.targets["region"].tolist() == [0, 1, 2, 3] * 2
    # Berlin to Malmö: 358 km.
    assert distance[1, 3].item() == pytest.approx(358, abs=150)


def test_sizes_and_offsets(shards: Path) -> None:
    heads, samples = _heads(shards, list(KINDS))
    assert heads.sizes() == {"country": 4, "region": 4, "coordinates": 3, "offset": 8}
    offsets = heads.targets(samples)["offset"]
    assert offsets.shape == (32, 2)
    lengths = np.hypot(*offsets.T)
    # The farthest sample of each cell is on its circle.
    assert [lengths[i::4].max() for i in range(4)] == pytest.approx([1.0] * 4, abs=1e-5)


def test_a_head_of_coordinates_alone_has_regions_around(shards: Path) -> None:
    heads, _ = _heads(shards, ["coordinates"], position="coordinates")
    assert heads.sizes() == {"coordinates": 3}
    assert list(heads.cells) == [AROUND]


def test_the_weighted_sum(shards: Path) -> None:
    heads, _ = _heads(shards, [{"kind": "country", "weight": 3}, {"kind": "region", "weight": 2}])
    found = heads.weighted({"country": torch.tensor([1.0, 2]), "region": torch.tensor([5.0, 7])})
    assert found.tolist() == [13, 20]


SUBSETS = [
    list(kinds)
    for size in range(1, 5)
    for kinds in combinations(KINDS, size)
    if "offset" not in kinds or "region" in kinds
]


@pytest.mark.parametrize("kinds", SUBSETS, ids=lambda kinds: "+".join(kinds))
def test_any_subset_trains_and_loads(kinds: list[str], shards: Path, tmp_path: Path) -> None:
    config = tiny_config(f"heads={kinds}", "epochs=1", f"position={kinds[-1]}")
    trained = load_model(Path(run_training(config, shards, tmp_path)["model"]))
    assert list(trained.network.heads) == kinds
    outputs = trained.network(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    answers = trained.decoder.answers({n: o.detach().numpy() for n, o in outputs.items()})
    assert answers.countries.shape == (1, 4)
    assert answers.countries.sum() == pytest.approx(1)
    assert np.isfinite(answers.positions).all()


@pytest.mark.parametrize(
    "cells", ["semantic", "{kind: adaptive, max_samples: 4, min_samples: 2}"], ids=lambda c: c[:9]
)
def test_other_cells_come_back_from_the_model_file(
    cells: str, shards: Path, tmp_path: Path
) -> None:
    config = tiny_config(f"heads=[{{kind: region, cells: {cells}}}, offset]", "position=offset")
    trained = load_model(Path(run_training(config, shards, tmp_path)["model"]))
    labels = read_labels(shards)
    train = read_samples(shards, "train", labels)
    expected = cells_for(config.heads, labels, train)["region"]
    found = trained.decoder.cells["region"]
    assert found.table == expected.table
    assert np.array_equal(found.midpoints, expected.midpoints)
    assert np.array_equal(found.radii_km, expected.radii_km)
