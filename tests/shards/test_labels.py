"""A label table that is not one is refused in one line."""

from pathlib import Path

import pytest

from shards.build import build_shards
from shards.errors import WorkError
from shards.labels import load_labels
from tests.shards.datasets import make_dataset


def test_labels_of_a_build(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 20)
    build_shards(layout, "main")
    labels = load_labels(layout.shards("main") / "labels.json")
    assert [(c.index, c.code, c.name) for c in labels.countries] == [
        (0, "DE", "Germany"),
        (1, "FR", "France"),
        (2, "SE", "Sweden"),
    ]
    assert [region.id for region in labels.regions] == sorted(r.id for r in labels.regions)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"countries": [], "regions": 1}',
        '{"countries": [{"index": 1, "code": "S", "name": "S", "samples": 1}], "regions": []}',
    ],
)
def test_other_texts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(WorkError, match="not a label table"):
        load_labels(path)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="cannot be read"):
        load_labels(tmp_path / "labels.json")
