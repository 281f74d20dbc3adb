from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from shards.atomic import write_json
from shards.errors import UsageError
from training.deploy.card import Evaluation, model_card, read_evaluation, write_card
from training.model.description import LicenceCount
from training.model.modelfile import load_model


def _header(text: str) -> dict[str, object]:
    found = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(found, dict)
    return found


def test_the_hub_reads_it(run: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    path = write_card(tmp_path)
    card = ModelCard.load(path)
    assert card.data.license == "apache-2.0"
    assert card.data.pipeline_tag == "image-classification"
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["accuracy"].dataset_split == "validation"
    validation = load_model(tmp_path).description.training["validation"]
    assert results["accuracy"].metric_value == validation["country"]["top1"]
    assert results["median_distance_km"].metric_value > 0
    assert set(results) == set(card.data.metrics)
    text = path.read_text()
    for part in ("## Intended use", "## Limits", "## Training data", "| Country, top 1 |"):
        assert part in text
    assert "lostfound predict model.safetensors" in text


def test_another_readme_stays(run: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    write_card(tmp_path)
    write_card(tmp_path)
    (tmp_path / "README.md").write_text("# Our project\n")
    with pytest.raises(UsageError, match=r"README\.md: another file, which stays"):
        write_card(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Our project\n"


def test_an_evaluation_on_the_test_split_is_preferred(run: Path, tmp_path: Path) -> None:
    description = load_model(run).description
    path = tmp_path / "model.safetensors"
    country = {"top1": 0.5, "top1_low": 0.4321, "top1_high": 0.6, "balanced_accuracy": None}
    values = {"data_sha256": description.data.sha256, "split": "test", "samples": 110}
    write_json(tmp_path / "evaluation" / "evaluation.json", values | {"country": country})
    found = read_evaluation(path, description)
    assert found is not None
    assert (found.split, found.same_data) == ("test", True)
    text = model_card(description, found)
    assert "| Country, top 1 | 50.0% | 43.2% to 60.0% |" in text
    assert "balanced" not in text
    assert _header(text)["metrics"] == ["accuracy"]
    write_json(tmp_path / "evaluation" / "evaluation.json", [1])
    found = read_evaluation(path, description)
    assert found is not None
    assert found.split == "validation"


def test_terms_are_passed_on(run: Path) -> None:
    base = load_model(run).description
    licences = [LicenceCount(name="CC-BY-SA-4.0", url="", samples=3)]
    data = base.data.model_copy(update={"licences": licences})
    card = model_card(base.model_copy(update={"licence": "CC-BY-SA-4.0", "data": data}), None)
    assert _header(card)["license"] == "cc-by-sa-4.0"
    assert "| CC-BY-SA-4.0 | 3 |" in card
    assert "Nothing was measured" in card
    both = "CC-BY-SA-4.0 AND ODbL-1.0"
    header = _header(model_card(base.model_copy(update={"licence": both}), None))
    assert (header["license"], header["license_name"]) == ("other", both)


def test_names_from_data_stay_text(run: Path) -> None:
    """A licence's name is whatever a source says."""
    base = load_model(run).description
    evil = "<script>alert(1)</script> | x\n---\n# [a](javascript:b)"
    data = base.data.model_copy(
        update={"name": evil, "licences": [LicenceCount(name=evil, url="", samples=1)]}
    )
    text = model_card(
        base.model_copy(update={"licence": evil, "data": data}),
        Evaluation({"samples": 1}, "test", same_data=True),
        "walker/model",
    )
    body = text.split("---\n", 2)[2]
    assert "<script>" not in body.replace("\\<", "")
    assert "\n# [" not in body
    assert "hf://walker/model" in body
    assert _header(text)["license_name"] == " ".join(evil.split())
