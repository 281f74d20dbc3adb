"""The filters' words, and that a stored row alone is enough to say them again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich import filters
from enrich.filters import Evidence, decide, default_filters, first_rejection
from enrich.geo.locators import Polygons
from enrich.geo.places import Place, locate_captures
from enrich.geo.regions import load_region_table
from enrich.options import EnrichOptions
from enrich.rejection import Rejection
from enrich.rows import (
    Row,
    capture_columns,
    image_columns,
    picture_columns,
    place_columns,
    rejected_columns,
)
from enrich.scores.quality import Scores
from shards.errors import UsageError
from shards.schema import METADATA_SCHEMA, Reason
from shards.segment import RawSample
from tests.enrich.samples import capture

FINE = Scores(
    rgb_variance=900.0,
    laplacian_variance=90.0,
    brightness=120.0,
    contrast=30.0,
    entropy=6.5,
    phash=-5,
)


def scores(**values: float) -> Scores:
    return Scores(**{name: getattr(FINE, name) for name in Scores.__slots__} | values)


def word(options: EnrichOptions, of: Scores) -> Rejection | None:
    return first_rejection(default_filters(options), Evidence(None, of, Place()))


@pytest.mark.parametrize(
    ("score", "option", "threshold", "reason"),
    [
        ("rgb_variance", "min_rgb_variance", 800.0, Reason.LOW_VARIANCE),
        ("laplacian_variance", "min_laplacian_variance", 80.0, Reason.BLURRY),
        ("brightness", "min_brightness", 100.0, Reason.LOW_VARIANCE),
        ("brightness", "max_brightness", 130.0, Reason.LOW_VARIANCE),
        ("contrast", "min_contrast", 20.0, Reason.LOW_VARIANCE),
        ("entropy", "min_entropy", 6.0, Reason.LOW_VARIANCE),
    ],
)
def test_every_threshold(score: str, option: str, threshold: float, reason: Reason) -> None:
    options = EnrichOptions(**{option: threshold})  # type: ignore[arg-type]
    assert options.thresholds()[option] == threshold
    assert word(options, FINE) is None
    side = "above" if option.startswith("min") else "below"
    found = word(options, scores(**{score: threshold}))
    detail = f"{score.replace('_', ' ')} {threshold:.2f} is not {side} {threshold:g}"
    assert found == Rejection(reason, detail)
    beyond = threshold + (0.5 if side == "above" else -0.5)
    assert word(options, scores(**{score: beyond})) is None


def test_what_is_not_asked_rejects_nothing() -> None:
    dark = scores(brightness=0.0, contrast=0.0, entropy=0.0)
    assert word(EnrichOptions(), dark) is None
    assert EnrichOptions().thresholds() == {
        "min_rgb_variance": 300.0,
        "min_laplacian_variance": 30.0,
    }


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_thresholds_are_numbers_from_0_up(value: float) -> None:
    with pytest.raises(UsageError, match="min_entropy"):
        EnrichOptions(min_entropy=value)


POSITIONS: tuple[Mapping[str, str], ...] = (
    {},
    {"lat": "", "lon": ""},
    {"lat": "91,200"},
    {"lat": "-30", "lon": "-120"},
    {"lat": "", "lon": "", "country": "Norway"},
    {"lat": "", "lon": "", "country": "Nowhere Land"},
    {"lat": "91,200", "country": "Norway"},
)
damages = st.sampled_from((Reason.UNDECODABLE, Reason.TRUNCATED, Reason.TOO_SMALL))
some_scores = st.builds(
    Scores,
    rgb_variance=st.floats(0, 16256.25),
    laplacian_variance=st.floats(0, 1020**2),
    brightness=st.floats(0, 255),
    contrast=st.floats(0, 127.5),
    entropy=st.floats(0, 8),
    phash=st.integers(-(2**63), 2**63 - 1),
)
some_options = st.builds(
    EnrichOptions,
    min_rgb_variance=st.floats(0, 16256),
    min_laplacian_variance=st.floats(0, 1000),
    min_brightness=st.none() | st.floats(0, 255),
    max_brightness=st.none() | st.floats(0, 255),
    min_contrast=st.none() | st.floats(0, 127),
    min_entropy=st.none() | st.floats(0, 8),
)


def stored(evidence: Evidence, rejection: Rejection | None, path: Path) -> Row:
    """The row of a capture as it comes back from a Parquet file."""
    sample = RawSample("test-1", 512, 100, None)
    row = capture_columns(sample, capture("test-1"), "raw/test/w-000000.tar")
    row |= place_columns(evidence.place) | image_columns(b"x", None)
    row |= picture_columns(evidence.scores, None)
    row |= rejected_columns(rejection) if rejection else {"status": "kept"}
    pq.write_table(pa.Table.from_pylist([row], schema=METADATA_SCHEMA), path)
    return dict[str, Any](pq.read_table(path).to_pylist()[0])


@settings(max_examples=100, deadline=None)
@given(
    position=st.sampled_from(POSITIONS),
    damage=st.none() | st.builds(Rejection, damages, st.text(max_size=9)),
    found=some_scores,
    before=some_options,
    after=some_options,
)
def test_a_row_is_enough_to_decide(
    tmp_path_factory: pytest.TempPathFactory,
    position: Mapping[str, str],
    damage: Rejection | None,
    found: Scores,
    before: EnrichOptions,
    after: EnrichOptions,
) -> None:
    [place] = locate_captures([capture("test-1", **position)], Polygons(load_region_table()))
    evidence = Evidence(damage, None if damage else found, place)
    first = first_rejection(default_filters(before), evidence)
    row = stored(evidence, first, tmp_path_factory.getbasetemp() / "row.parquet")
    assert decide(row, default_filters(before)) == first
    # The other thresholds see what they would have seen at enrich time.
    assert decide(row, default_filters(after)) == first_rejection(default_filters(after), evidence)


def test_every_reason_is_one_that_a_row_can_be_read_back_from() -> None:
    by_scores = {Reason.LOW_VARIANCE, Reason.BLURRY}
    by_the_catalogue = {reason for reason in Reason if reason.startswith("duplicate_")}
    by_the_catalogue |= {Reason.OPTED_OUT, Reason.NO_LICENCE}
    known = filters.DAMAGES | filters.UNPLACED | by_scores | by_the_catalogue
    assert known == set(Reason)


def test_the_row_gives_all_the_evidence_back(tmp_path: Path) -> None:
    for position in POSITIONS:
        [place] = locate_captures([capture("test-1", **position)], Polygons(load_region_table()))
        evidence = Evidence(None, FINE, place)
        word = first_rejection(default_filters(EnrichOptions()), evidence)
        assert Evidence.from_row(stored(evidence, word, tmp_path / "row.parquet")) == evidence
