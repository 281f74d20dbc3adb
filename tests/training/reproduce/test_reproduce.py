from pathlib import Path

import pytest

from shards.console import say_nothing
from shards.errors import UsageError
from tests.training.conftest import TINY
from tests.training.shardmaker import make_shards
from training.config import load_config
from training.reproduce.recipes import RECIPES, TASKS, trials
from training.reproduce.reproduce import TABLE_NAME, reproduce

SMALL = (*TINY[:4], "data.mode=stream")


def test_every_recipe_sees_the_same_pixels_as_often() -> None:
    found = trials(2, 6)
    assert len(found) == 2 * (3 + 3 + 1)
    assert {trial.config.epochs for trial in found} == {6}
    assert len({trial.config.image for trial in found}) == 1
    for recipe in RECIPES:
        for task in TASKS:
            assert sum(t.recipe == recipe and task in t.tasks for t in found) == 2


def test_steps_of_the_rate_keep_their_share_of_the_epochs() -> None:
    first = trials(1, 6)[0].config
    assert first.schedule.model_dump() == {"kind": "step", "every": 3, "gamma": 0.1}


def test_only_the_recipe_as_it_was_has_defects() -> None:
    for recipe in RECIPES:
        config = load_config(f"reproduce/{recipe}")
        region = next(head for head in config.heads if head.kind == "region")
        coordinates = next(head for head in config.heads if head.kind == "coordinates")
        found = {
            config.kaiming_heads,
            config.half_normalisation,
            config.optimiser.decay_everything,
            region.mode == "cartesian",
            coordinates.kilometres,
        }
        if config.augment:
            found |= {
                config.augment.once,
                config.augment.fixed_crop,
                config.augment.black_corners,
            }
        assert found == {recipe == "as-it-was"}


@pytest.fixture(scope="module")
def result(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("reproduce")
    return reproduce(shards, out, seeds=1, epochs=1, overrides=SMALL, say=say_nothing), out


def test_the_table_has_every_figure_of_every_recipe(result: tuple[dict, Path]) -> None:
    found, out = result
    for figures in found["figures"].values():
        for recipes in figures.values():
            assert list(recipes) == list(RECIPES)
            for figure in recipes.values():
                assert figure["low"] <= figure["high"]
                assert figure["mean"] == pytest.approx(sum(figure["seeds"]))
    lines = (out / TABLE_NAME).read_text().splitlines()
    assert len(lines) == 2 + 10
    assert {line.count("|") for line in lines} == {5}


def test_networks_that_are_trained_are_found_again(result: tuple[dict, Path], shards: Path) -> None:
    found, out = result
    models = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/model.safetensors")}
    assert len(models) == 7
    again = reproduce(shards, out, seeds=1, epochs=1, overrides=SMALL, say=say_nothing)
    assert again == found
    assert {path: path.stat().st_mtime_ns for path in models} == models


def test_a_split_without_samples_is_said_first(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 16, "validation": 4})
    with pytest.raises(UsageError, match="the test split is empty"):
        reproduce(shards, tmp_path / "out", seeds=1, overrides=SMALL, say=say_nothing)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_at_a_time_give_the_same_figures(
    result: tuple[dict, Path], shards: Path, tmp_path: Path
) -> None:
    found = reproduce(
        shards, tmp_path, seeds=1, epochs=1, overrides=SMALL, workers=2, say=say_nothing
    )
    assert found == result[0]
