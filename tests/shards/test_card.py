"""The card's YAML is what the Hub accepts, and its text cannot be broken by data."""

from pathlib import Path

import yaml
from huggingface_hub import DatasetCard

from shards.build import build_shards
from shards.card import hub_licenses
from shards.sample import SAMPLE_FIELDS
from tests.shards.datasets import make_dataset, metadata_row


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
