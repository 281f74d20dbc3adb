"""The benchmarks of geocoding: what they measure is real, and stays in its bounds."""

import json

import numpy as np
import pytest

from enrich.bench.airports import Airport, bench_airports, explain, readable
from enrich.bench.geocode import MIX, realistic_points
from enrich.geo.borders import DE_FACTO, ISO
from enrich.geo.regions import load_region_table
from lostfound import main


def test_the_benchmark_on_few_points(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "geocode", "--points", "3000", "--rounds", "1", "--json"])
    assert not stop.value.code
    result = json.loads(capsys.readouterr().out)
    assert result["name"] == "geocode"
    assert result["unit"] == "points/s"
    assert result["ratio"] == pytest.approx(result["ours"] / result["baseline"], rel=0.01)
    assert result["differ"] == 0
    assert 2500 < result["compared"] < 3000
    assert 20 < result["memory_mb"] < 300


def test_the_points_are_mixed_as_said() -> None:
    table = load_region_table()
    lats, lons, shares = realistic_points(table, 2000)
    assert len(lats) == len(lons) == 2000
    assert shares == pytest.approx(MIX)
    assert sum(MIX.values()) == pytest.approx(1)
    _, distances = table.locate(lats, lons)
    assert 0.03 < (distances > 0).mean() < 0.1
    again, _, _ = realistic_points(table, 2000)
    assert np.array_equal(lats, again)


@pytest.mark.parametrize("borders", [DE_FACTO, ISO])
def test_the_airports_country(borders: str) -> None:
    result = bench_airports(borders)
    rows = result["disagreements"]
    print(json.dumps(readable(result), indent=1, ensure_ascii=False))
    assert result["points"] > 28_000
    assert result["ours"] >= 0.995
    assert result["ours"] > result["baseline"]
    wrong = sum(row["points"] for row in rows)
    nowhere = sum(len(codes) for codes in result["in_no_region"].values())
    assert wrong + nowhere == round((1 - result["ours"]) * result["points"])
    assert all(row["points"] == len(row["airports"]) and row["why"] for row in rows)
    pairs = {(row["listed"], row["found"]) for row in rows}
    assert (("UA", "RU") in pairs) == (borders == DE_FACTO)


def test_causes_are_measured() -> None:
    table = load_region_table()

    def cause(code: str, country: str, lat: float, lon: float) -> str:
        (region,), _ = table.locate([lat], [lon])
        return explain(table, Airport(code, country, lat, lon), int(region))

    assert cause("TJSJ", "US", 18.4394, -66.0018).startswith("a territory")
    assert cause("UKFF", "UA", 45.0522, 33.9751) == "disputed; the same with borders iso"
    assert cause("OS73", "SY", 32.7867, 35.718).startswith("disputed; the source has no region")
    assert cause("ELLX", "LU", 49.3724, 6.1216).startswith("the list's error")
    assert cause("LXGB", "GI", 36.1512, -5.3497).startswith("at the border")
    assert cause("RCFG", "TW", 26.1598, 119.958).startswith("an island")
    assert cause("X", "DK", 48.8566, 2.3522).endswith("km from the country that the list names")


def test_the_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main(["bench", "airports", *words])
        return int(stop.value.code or 0), "".join(capsys.readouterr())

    code, text = run("--borders", "iso")
    assert code == 0
    assert "US listed, PR found" in text
    code, text = run("--borders", "mine")
    assert (code, text.count("\n")) == (2, 1)
