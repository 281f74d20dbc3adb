from pathlib import Path

import numpy as np
import torch

from training.data.samples import Samples
from training.evaluation.views import first_views, fuse, places_of
from training.model.decode import softmax


def _samples(positions: list[tuple[float, float]]) -> Samples:
    lat, lon = np.array(positions).T
    zeros = np.zeros(len(lat), np.int64)
    keys = [str(i) for i in range(len(lat))]
    return Samples(keys, [Path("x")], zeros, zeros, zeros, lat, lon, zeros, zeros)


def test_views_of_a_place_share_their_coordinates() -> None:
    unknown = (np.nan, np.nan)
    places = places_of(_samples([(1, 2), (3, 4), unknown, (1, 2), unknown, (2, 1)]))
    assert places.tolist() == [0, 1, 2, 0, 3, 4]
    assert first_views(places).tolist() == [0, 1, 2, 4, 5]


def test_fused_by_hand() -> None:
    found = fuse(np.array([[1, 2], [5, 5], [3, 4]], np.float32), np.array([0, 1, 0]))
    assert found.tolist() == [[2, 3], [5, 5]]


def test_it_is_the_geometric_mean_of_the_views_probabilities() -> None:
    random = np.random.default_rng(0)
    views = random.normal(size=(4, 6)).astype(np.float32)
    head = torch.nn.Linear(6, 3)
    with torch.inference_mode():
        each = softmax(head(torch.from_numpy(views)).numpy())
        fused = softmax(head(torch.from_numpy(fuse(views, np.zeros(4, np.int64)))).numpy())
    geometric = np.exp(np.log(each).mean(axis=0))
    assert np.allclose(fused[0], geometric / geometric.sum(), atol=1e-6)
