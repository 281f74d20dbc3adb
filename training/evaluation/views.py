"""Several views of one place, answered as one (DeepGeo, Suresh et al. 2018).

Embeddings are averaged before the heads. Heads are linear, so this is at once DeepGeo's fusion of
features and the geometric mean of the views' probabilities.
"""

import numpy as np
from numpy.typing import NDArray

from training.data.samples import Samples
from training.model.retrieval import Embeddings, Ints


def places_of(samples: Samples) -> Ints:
    """(n,) the number of each sample's place: views that share their exact coordinates.

    Numbered by the first view; a sample without coordinates is a place of its own.
    """
    number: dict[tuple[float, float] | int, int] = {}
    found = []
    for row, (lat, lon) in enumerate(zip(samples.lat.tolist(), samples.lon.tolist(), strict=True)):
        key = row if np.isnan(lat) or np.isnan(lon) else (lat, lon)
        found.append(number.setdefault(key, len(number)))
    return np.array(found, dtype=np.int64)


def fuse(embeddings: Embeddings, places: Ints) -> Embeddings:
    """(places, features) means over the views of each place."""
    sums = np.zeros((int(places.max()) + 1, embeddings.shape[1]))
    np.add.at(sums, places, embeddings.astype(np.float64))
    return np.asarray(sums / np.bincount(places)[:, None], dtype=np.float32)


def first_views(places: Ints) -> NDArray[np.int64]:
    """(places,) the row of each place's first view."""
    return np.unique(places, return_index=True)[1].astype(np.int64)
