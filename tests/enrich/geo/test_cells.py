"""The grid of cells against shapely, on polygons of every kind: with holes, nested, overlapping."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.geo.cells import OUTSIDE, UNDECIDED, Cells, expand
from enrich.geo.region_file import Polygons

CENTRES = st.tuples(st.floats(-179, 179), st.floats(-89, 89))


def star(seed: int, lon: float, lat: float, corners: int, size: float) -> shapely.Polygon:
    """A polygon without crossings, five decimals as in the source, inside the map."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radii = random.uniform(0.2, 1.0, corners) * size
    points = np.column_stack([lon + radii * np.cos(angles), lat + radii * np.sin(angles)])
    whole = shapely.make_valid(shapely.Polygon(np.round(points, 5)))
    return shapely.intersection(whole, shapely.box(-180, -90, 180, 90))


def multipolygon(shape: shapely.Geometry) -> shapely.MultiPolygon:
    parts = shapely.get_parts(shape)
    return shapely.multipolygons([part for part in parts if part.geom_type == "Polygon"])


@settings(max_examples=15, deadline=None)
@given(
    CENTRES,
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.floats(-0.3, 0.3),
            st.integers(4, 40),
            st.sampled_from([0.01, 0.1, 0.4, 1.5]),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_regions_by_crossings(
    centre: tuple[float, float], stars: list[tuple[int, float, int, float]]
) -> None:
    lon, lat = centre
    shapes = [star(seed, lon + off, lat, corners, size) for seed, off, corners, size in stars]
    shapes.append(shapes[0].difference(star(1, lon, lat, 9, 0.2)))
    regions = [multipolygon(shape) for shape in shapes if shape.area > 0]
    if not regions:
        return
    polygons = Polygons.of(np.array(regions))
    random = np.random.default_rng(0)
    lons = np.clip(lon + random.normal(0, 0.4, 800), -180, 180)
    lats = np.clip(lat + random.normal(0, 0.4, 800), -90, 90)
    found = Cells(polygons).region_at(lats, lons)
    inside = np.array([shapely.intersects_xy(g, lons, lats) for g in polygons.geometries()])
    expected = np.where(inside.any(axis=0), inside.argmax(axis=0), OUTSIDE)
    sure = found != UNDECIDED
    overlap = inside.sum(axis=0).max() > 1
    assert overlap or sure.mean() > 0.99
    assert np.array_equal(found[sure], expected[sure])


def test_points_on_a_border_are_left_to_others() -> None:
    cells = Cells(Polygons.of(np.array([shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])])))
    lats = np.array([0.5, 0.5, 0.5, 0.0, 1.0, 0.5])
    lons = np.array([0.0, 1.0, 0.5, 0.33, 1.0, 1.5])
    assert cells.region_at(lats, lons).tolist() == [UNDECIDED] * 2 + [0] + [UNDECIDED] * 2 + [-1]


def test_edges_longer_than_the_grid_s_cells() -> None:
    whole = shapely.MultiPolygon([shapely.box(-180, -90, 180, -60), shapely.box(-180, 10, 180, 90)])
    cells = Cells(Polygons.of(np.array([whole])))
    lats = np.array([-89.99, -60.01, -59.99, 9.99, 10.01, 89.99])
    for lon in (-179.99, -0.01, 63.21, 179.99):
        found = cells.region_at(lats, np.full(6, lon))
        assert found.tolist() == [0, 0, OUTSIDE, OUTSIDE, 0, 0]


def test_expand() -> None:
    owner, value = expand(np.array([3, 7, 7, 0]), np.array([5, 7, 8, 2]))
    assert owner.tolist() == [0, 0, 2, 3, 3]
    assert value.tolist() == [3, 4, 7, 0, 1]
