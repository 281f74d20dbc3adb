"""The card's YAML is what the Hub accepts, and its text cannot be broken by data."""

from pathlib import Path

import yaml
from huggingface_hub import DatasetCard

from shards.build import build_shards
from shards.card.describe import DESCRIBING, describe
from shards.card.header import hub_licenses
from shards.manifest import Captures, load_manifest
from shards.sample import SAMPLE_FIELDS
from tests.shards.datasets import (
    make_dataset,
    metadata_row,
    snapshot,
    write_duplicates,
    write_part,
)


def test_licences_get_the_names_of_the_hub() -> None:
    assert hub_licenses(["CC-BY-SA-4.0", "ODbL-1.0", "MIT"]) == ["cc-by-sa-4.0", "mit", "odbl"]
    assert hub_licenses(["", "Ordnance Survey terms"]) == ["other", "unknown"]
    assert hub_licenses([]) == ["unknown"]


def test_the_hub_reads_the_card(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 20)
    build_shards(layout, "main")
    text = (layout.shards("main") / "README.md").read_text()
    data = DatasetCard(text).data.to_dict()
    assert data["license"] == ["cc-by-sa-4.0"]
    assert data["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in data["configs"]] == ["default", "metadata"]
    [info] = data["dataset_info"]
    assert info["config_name"] == "default"
    features = {feature["name"]: feature for feature in info["features"]}
    assert list(features) == ["jpg", "json", "__key__", "__url__"]
    assert [field["name"] for field in features["json"]["struct"]] == list(SAMPLE_FIELDS)
    assert "| SE | Sweden | 1 | 5 | 1 |" in text


def test_only_splits_that_exist_are_named(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 5)
    build_shards(layout, "main")
    header = (layout.shards("main") / "README.md").read_text().split("---\n")[1]
    [default, _] = yaml.safe_load(header)["configs"]
    assert default["data_files"] == [{"split": "train", "path": "data/train-*.tar"}]


def test_text_from_data_cannot_become_markup(tmp_path: Path) -> None:
    evil = "a | b\n---\n# title <script> [x](y)"
    layout = make_dataset(tmp_path, [metadata_row(n, license=evil) for n in range(5)])
    build_shards(layout, "main")
    text = (layout.shards("main") / "README.md").read_text()
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "\n# title" not in text
    assert "license:\n- other\n" in text


def test_it_counts_what_was_left_out_and_why(tmp_path: Path) -> None:
    blurry = [
        metadata_row(n, status="rejected", reason="blurry", key=f"blurry-{n}") for n in (90, 91)
    ]
    layout = make_dataset(tmp_path, [*(metadata_row(n) for n in range(7)), *blurry])
    duplicate = metadata_row(50, key="again")
    write_part(layout, "more-000000", [duplicate])
    place = {"raw_segment": "raw/file/more-000000.tar", "raw_offset": duplicate["raw_offset"]}
    # Listed twice, as two levels of duplicates may do.
    row = place | {"view": 0, "key": "again", "reason": "duplicate_bytes"}
    write_duplicates(layout, [row, row])
    build_shards(layout, "main")
    manifest = load_manifest(layout.shards("main"))
    assert manifest.captures == Captures(
        total=10, kept=7, rejected={"blurry": 2, "duplicate_bytes": 1}
    )
    text = (layout.shards("main") / "README.md").read_text()
    assert "| captured | 10 | 100.0% |" in text
    assert "| rejected: blurry | 2 | 20.0% |" in text
    assert "| in this dataset | 7 | 70.0% |" in text


def test_a_takedown_moves_samples_to_opted_out() -> None:
    before = Captures(total=10, kept=7, rejected={"blurry": 3})
    assert before.after_takedown(2) == Captures(
        total=10, kept=5, rejected={"blurry": 3, "opted_out": 2}
    )
    assert before.after_takedown(0) == before


def test_what_describes_can_be_made_again_from_the_directory_alone(tmp_path: Path) -> None:
    layout = make_dataset(tmp_path, 20)
    build_shards(layout, "main")
    directory = layout.shards("main")
    manifest = load_manifest(directory)
    before = snapshot(directory)
    for name in DESCRIBING:
        (directory / name).unlink()
    rest = [entry for entry in manifest.files if entry.path not in DESCRIBING]
    entries = describe(directory, manifest.model_copy(update={"files": rest}))
    assert snapshot(directory) == before
    assert sorted([*rest, *entries], key=lambda entry: entry.path) == manifest.files


def test_many_countries_are_folded_away(tmp_path: Path) -> None:
    rows = [
        metadata_row(n, country_code=f"C{n:02}", country_name=f"Country {n}") for n in range(25)
    ]
    layout = make_dataset(tmp_path, rows)
    build_shards(layout, "main")
    text = (layout.shards("main") / "README.md").read_text()
    assert "<summary>5 more countries</summary>" in text
    assert text.count("| Country ") == 25
