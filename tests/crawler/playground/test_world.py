"""The world is the same everywhere, varied, and tells nobody where a picture is."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.playground.climate import sun_elevation, zone
from crawler.playground.scene import scene
from crawler.playground.traits import LEFT_DRIVING, traits
from crawler.playground.world import BAD_KINDS, World, WorldConfig, listed_places
from shards.errors import UsageError

NUMBER = r"\d+\.\d{3}"
DEMO = WorldConfig(seed=1, countries=14, bad_share=0.3)


def test_a_world_is_a_function_of_its_configuration() -> None:
    one, other = World(DEMO), World(DEMO)
    assert [one.round(n) for n in range(300)] == [other.round(n) for n in range(300)]
    changed = World(WorldConfig(seed=2, countries=14, bad_share=0.3))
    assert [one.round(n).place for n in range(9)] != [changed.round(n).place for n in range(9)]


def test_the_first_150_rounds_of_the_demo_show_at_least_12_countries_and_are_skewed() -> None:
    world = World(DEMO)
    codes = [world.round(number).place.country for number in range(150)]
    assert len(set(codes)) >= 12
    assert max(map(codes.count, codes)) >= 3 * 150 / 14 * 0.6


def test_a_share_of_rounds_is_bad_and_repeats_are_exact() -> None:
    world = World(DEMO)
    rounds = [world.round(number) for number in range(600)]
    assert {dealt.kind for dealt in rounds} == {"good", *BAD_KINDS}
    assert 0.25 < sum(dealt.kind != "good" for dealt in rounds) / 600 < 0.35
    for dealt in rounds:
        before = [earlier.place for earlier in rounds[: dealt.number]]
        assert (dealt.place in before) >= (dealt.kind == "repeat")


def test_without_bad_rounds_no_place_comes_twice_before_all_came() -> None:
    world = World(WorldConfig(countries=("SE", "JP"), places_per_country=20, bad_share=0))
    places = [world.round(number).place for number in range(40)]
    assert len(set(places)) == 40
    assert world.round(40).place == places[0]


@pytest.mark.parametrize(
    "config",
    [
        WorldConfig(countries=0),
        WorldConfig(countries=999),
        WorldConfig(countries=("QQ",)),
        WorldConfig(countries=()),
        WorldConfig(bad_share=1.5),
        WorldConfig(places_per_country=0),
    ],
)
def test_a_wrong_configuration_is_refused(config: WorldConfig) -> None:
    with pytest.raises(UsageError):
        World(config)


def test_every_country_that_has_towns_has_traits_and_scenes() -> None:
    world = World(WorldConfig(countries=len(listed_places()), places_per_country=2, bad_share=0))
    for number in range(len(world.places)):
        dealt = world.round(number)
        described = scene(world.config, dealt)
        assert json.loads(json.dumps(described, allow_nan=False)) == described
        assert described["traffic"]["left"] == (dealt.place.country in LEFT_DRIVING)


def test_a_scene_names_neither_coordinates_nor_country() -> None:
    world = World(DEMO)
    for number in range(200):
        place = world.round(number).place
        text = json.dumps(scene(world.config, world.round(number)))
        assert f'"{place.country}"' not in text
        assert place.name not in text
        assert not {f"{abs(place.lat):.3f}", f"{abs(place.lon):.3f}"} & set(
            re.findall(NUMBER, text)
        )


def test_places_of_one_country_differ_and_share_their_roads() -> None:
    world = World(WorldConfig(countries=("JP",), bad_share=0))
    scenes = [scene(world.config, world.round(number)) for number in range(30)]
    assert len({json.dumps(described) for described in scenes}) == 30
    assert {described["signs"]["script"] for described in scenes} == {"cjk"}


@pytest.mark.parametrize(
    ("code", "left"), [("GB", True), ("JP", True), ("TH", True), ("FR", False)]
)
def test_the_side_of_the_road(code: str, left: bool) -> None:
    assert traits(code).left is left


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        (30.0, 31.2, "arid"),  # Cairo
        (-3.1, -60.0, "tropical"),  # Manaus
        (51.5, -0.1, "temperate"),  # London
        (41.9, 12.5, "mediterranean"),  # Rome
        (55.8, 37.6, "boreal"),  # Moscow
        (50.4, 30.5, "continental"),  # Kyiv
        (69.6, 18.9, "polar"),  # Tromsø
    ],
)
def test_climates(lat: float, lon: float, expected: str) -> None:
    assert zone(lat, lon) == expected


def test_the_sun_stands_in_the_zenith_at_the_tropic_in_june() -> None:
    assert sun_elevation(23.45, 171, 12) == pytest.approx(90, abs=0.2)
    assert sun_elevation(-66.6, 171, 12) == pytest.approx(0, abs=0.2)


@settings(max_examples=200, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 364), st.floats(0, 24))
def test_every_point_has_a_climate_and_a_sun(lat: float, lon: float, day: int, hour: float) -> None:
    assert zone(lat, lon)
    assert -90 <= sun_elevation(lat, day, hour) <= 90
