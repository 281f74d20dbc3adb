"""The table of authors: everybody once for each licence and source, sorted, and readable as CSV."""

import csv
import json
from pathlib import Path

from shards.build import BuildOptions, build_shards
from tests.shards.datasets import make_dataset, metadata_row

ALL = BuildOptions(20_000, mix_licences=True)


def test_every_author_is_listed(tmp_path: Path) -> None:
    hostile = 'A "quoted", name\nin two lines; =1+1 Ω'
    rows = [
        metadata_row(0, extra=json.dumps({"author": hostile}), license="CC0-1.0"),
        metadata_row(1, extra=json.dumps({"author": "Zoë"}), license_url="https://example.org/l"),
        metadata_row(2, extra=json.dumps({"author": " "}), attribution="By words, CC0"),
        metadata_row(3, extra=json.dumps({"author": {"not": "text"}}), attribution="By words, CC0"),
        metadata_row(4, extra="{", attribution="By words, CC0", source="other"),
        metadata_row(5, extra=json.dumps({"author": "Zoë"}), license_url="https://example.org/l"),
        metadata_row(6, extra=json.dumps({"author": "Zoë"}), license="CC0-1.0"),
    ]
    layout = make_dataset(tmp_path, rows)
    build_shards(layout, "main", ALL)
    with open(layout.shards("main") / "attribution.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines == [
        ["author", "licence", "licence_url", "source", "samples"],
        [hostile, "CC0-1.0", "", "file", "1"],
        ["By words, CC0", "CC-BY-SA-4.0", "", "file", "2"],
        ["By words, CC0", "CC-BY-SA-4.0", "", "other", "1"],
        ["Zoë", "CC-BY-SA-4.0", "https://example.org/l", "file", "2"],
        ["Zoë", "CC0-1.0", "", "file", "1"],
    ]
