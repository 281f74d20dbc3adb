"""Pairs: what the report's own code reads, and what `import` gives back."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from crawler.imports.photos import import_photos
from shards.build import build_shards
from shards.errors import UsageError
from shards.export.pairs import answer, pair_stem
from shards.export.run import export
from shards.keys import make_key
from shards.layout import DatasetLayout
from shards.read import iterate_samples, read_range
from shards.segment import read_segment
from tests.shards.datasets import make_dataset, metadata_row

GAME = "KzXp4o-2_q"


def round_row(number: int, mode: str = "", **changes: Any) -> dict[str, Any]:
    source = f"geoguessr{mode}"
    return metadata_row(
        number,
        key=make_key(source, GAME, number),
        source=source,
        source_id=f"{GAME}/{number}",
        group_id=GAME,
        **changes,
    )


ROWS = [
    *(round_row(number, lat=48.123456789 + number, lon=-0.1 * number) for number in range(1, 6)),
    *(round_row(number, "-multiplayer", lat=None, lon=None) for number in range(6, 9)),
    *(metadata_row(number) for number in range(9, 12)),
]


@pytest.fixture
def layout(tmp_path: Path) -> DatasetLayout:
    layout = make_dataset(tmp_path / "data", ROWS)
    build_shards(layout, "main")
    return layout


def test_names_and_labels(layout: DatasetLayout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(layout.root, "pairs", out)
    label = json.loads((out / f"geoguessr_result_singleplayer_{GAME}_3.json").read_text())
    assert label == {"coordinates": [51.123456789, -0.1 * 3]}
    label = json.loads((out / f"geoguessr_result_multiplayer_{GAME}_7.json").read_text())
    assert label == {"country": "Germany"}
    assert (out / "geoguessr_location_singleplayer_file-000010_1.png").is_file()
    assert len(list(out.glob("*.png"))) == len(list(out.glob("*.json"))) == len(ROWS)


def test_as_the_report_reads_them(layout: DatasetLayout, tmp_path: Path) -> None:
    """By the names alone: a picture's label is found by replacing two words."""
    export(layout.root, "pairs", tmp_path / "out")
    for picture in sorted((tmp_path / "out").glob("geoguessr_location_singleplayer_*.png")):
        label = str(picture).replace("location", "result").replace(".png", ".json")
        lat, lon = json.loads(Path(label).read_text())["coordinates"]
        assert -90 <= lat <= 90
        assert -180 <= lon <= 180
        assert Image.open(picture).size == (64, 36)


def test_import_gives_the_same_samples_back(layout: DatasetLayout, tmp_path: Path) -> None:
    export(layout.root, "pairs", tmp_path / "out")
    back = DatasetLayout(tmp_path / "back")
    summary = import_photos(tmp_path / "out", back, "pairs")
    assert not summary.problems
    pictures = {
        sample.key: sample.image
        for tar in sorted(layout.shards("main").glob("data/*.tar"))
        for sample in iterate_samples(tar)
    }
    rows = {str(row["key"]): row for row in ROWS}
    found = {}
    for segment in back.sealed_segments():
        for record in read_segment(segment):
            assert record.capture is not None
            image = read_range(segment, record.image_offset, record.image_size)
            found[record.key] = (record.capture, image)
    rounds = {key for key, row in rows.items() if row["source"] != "file"}
    others = {f"geoguessr-{key}-1" for key in set(rows) - rounds}
    assert set(found) == rounds | others
    for key in rounds:
        capture, image = found[key]
        if rows[key]["lat"] is None:
            assert capture.country == rows[key]["country_name"]
        else:
            assert (float(capture.lat), float(capture.lon)) == (rows[key]["lat"], rows[key]["lon"])
        assert (capture.source, capture.group_id) == (rows[key]["source"], GAME)
        pixels = [Image.open(io.BytesIO(data)).convert("RGB") for data in (image, pictures[key])]
        assert ImageChops.difference(*pixels).getbbox() is None


@pytest.mark.parametrize(
    ("row", "stem"),
    [
        (round_row(3), f"singleplayer_{GAME}_3"),
        (metadata_row(1, key="x-v1"), "singleplayer_x-v1_1"),
        (metadata_row(1, lat=None), "multiplayer_file-000001_1"),
        (round_row(3) | {"group_id": "../../etc"}, None),
        (round_row(3) | {"group_id": None}, f"singleplayer_geoguessr-{GAME}-3_1"),
    ],
)
def test_stems(row: dict[str, Any], stem: str | None) -> None:
    found = pair_stem(row)
    assert "/" not in found
    assert stem is None or found == stem


def test_a_long_game_has_a_hashed_key() -> None:
    game = "g" * 70
    row = metadata_row(1, key=make_key("geoguessr", game, 4), source="geoguessr", group_id=game)
    assert pair_stem(row | {"source_id": f"{game}/4"}) == f"singleplayer_{game}_4"


def test_digits_of_coordinates() -> None:
    row = metadata_row(1, lat=0.1 + 0.2, lon=-180.0)
    assert json.loads(answer(row)) == {"coordinates": [0.30000000000000004, -180.0]}


def test_two_samples_of_one_round(tmp_path: Path) -> None:
    """A photograph whose key is a game, and that game's first round."""
    rows = [round_row(1), metadata_row(9, key=GAME)]
    layout = make_dataset(tmp_path / "data", rows)
    build_shards(layout, "main")
    with pytest.raises(UsageError, match="are one round"):
        export(layout.root, "pairs", tmp_path / "out")
