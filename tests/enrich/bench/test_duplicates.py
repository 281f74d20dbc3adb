"""The benchmark in small, on real photographs and on pictures of the playground."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enrich.bench import duplicates as bench
from enrich.bench.duplicates import PER_SUBJECT, bench_duplicates
from enrich.duplicates.copies import CHANGES, copies, near_misses, turn, turn_filled
from shards.errors import UsageError

FIELDS = {"name", "ours", "baseline", "ratio", "unit", "cpus", "precision", "recall", "by_kind"}


@pytest.fixture
def few_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_BASELINE_HASHES", 20_000)


def check(result: dict[str, Any]) -> None:
    assert set(result) >= FIELDS
    assert result["precision"] >= 0.99
    assert result["recall"] >= 0.95
    assert set(result["by_kind"]) == {*CHANGES, "reencode"}
    assert min(result["by_kind"].values()) >= 0.8  # one of the few may be hard


def test_copies_of_real_photographs_are_found(
    shared_data: Path, tmp_path: Path, few_hashes: None
) -> None:
    photos = shared_data / "photos" / "streetscapes"
    result = bench_duplicates(7 * PER_SUBJECT, 30_000, photos, 1, tmp_path)
    check(result)
    assert result["photographs"] == 7
    assert result["images"] == 7 * PER_SUBJECT
    assert result["recall_hashes"] == 1
    assert result["memory_mb"] < 4096


@pytest.mark.slow
def test_pictures_of_the_playground_will_do(tmp_path: Path, few_hashes: None) -> None:
    result = bench_duplicates(20 * PER_SUBJECT, 0, None, 1, tmp_path)
    check(result)
    assert result["photographs"] == 0


def test_there_must_be_a_folder_of_photographs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder; leave it out"):
        bench_duplicates(14, 0, tmp_path / "none", 1)


def test_what_is_made_of_a_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    chance = np.random.default_rng(1)
    made = [*copies(picture, chance), *near_misses(picture, chance)]
    assert len(made) == PER_SUBJECT == len({one.kind for one in made})
    assert [one.kind for one in made if not one.copy] == ["pan_left", "pan_right", "zoom"]
    sizes = {one.kind: one.pixels.shape[0] * one.pixels.shape[1] / (180 * 320) for one in made}
    assert 0.8 < sizes["crop"] <= 1
    assert 0.44 < sizes["pan_left"] < 0.56
    assert sizes["zoom"] == pytest.approx(0.36, abs=0.01)


def test_a_turned_picture_that_is_cut_has_no_black_corners() -> None:
    white = np.full((180, 320, 3), 255, np.uint8)
    assert turn(white, np.random.default_rng(0)).min() == 255
    assert turn_filled(white, np.random.default_rng(0)).min() == 0
