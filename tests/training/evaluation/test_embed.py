"""Embeddings of a real run: looked up, fused, and the same answers as without them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lostfound
from shards.errors import UsageError
from tests.training.shardmaker import PLACES, make_shards, picture
from training.data.labels import read_labels
from training.data.samples import read_samples
from training.deploy.predict import predict_images
from training.evaluation.embed import embed_samples, embed_training_split, take
from training.evaluation.evaluate import evaluate_model
from training.model.modelfile import load_model


@pytest.fixture(scope="module")
def embedded(run: Path, shards: Path) -> dict[str, Any]:
    return embed_training_split(run, shards)


def test_the_training_split_is_embedded(embedded: dict[str, Any], run: Path) -> None:
    assert embedded["samples"] == 32
    assert embedded["features"] == 1024
    assert Path(embedded["embeddings"]).parent == run


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("method", ["neighbours", "prototypes"])
def test_refined_positions_are_training_photographs(method: Any, run: Path, shards: Path) -> None:
    found = evaluate_model(run, shards, refine_by=method)
    plain = evaluate_model(run, shards)
    assert found["country"] == plain["country"]
    assert found["refined_by"] == method
    # Training samples of a country spread over 0.6 degrees of latitude.
    assert found["distance_km"]["median"] < 60
    assert found["distance_km"]["mean"] != plain["distance_km"]["mean"]
    assert found["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    assert json.loads((run / f"evaluation-{method}" / "evaluation.json").read_text()) == found


def test_views_are_fused(run: Path, tmp_path: Path) -> None:
    """Twelve samples at four places: a guess for each place."""
    same = {
        f"test-{n:04d}": {"lat": PLACES[n % 4].lat, "lon": PLACES[n % 4].lon} for n in range(12)
    }
    shards = make_shards(tmp_path / "s", {"test": 12}, changes=same)
    found = evaluate_model(run, shards, fuse_views=True)
    assert found["samples"] == 4
    assert found["country"]["top1"] == 1.0
    assert (run / "evaluation-fused" / "evaluation.json").is_file()


def test_several_photographs_of_one_place(run: Path, tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture(PLACES[2], 700 + number)).save(paths[-1])
    missing = tmp_path / "absent.png"
    error, answer = predict_images(run, [*paths, missing], together=True)
    assert "no such file" in error["error"]
    assert answer["images"] == [str(path) for path in paths]
    assert answer["countries"][0]["code"] == PLACES[2].code
    (alone,) = predict_images(run, paths[:1])
    (together,) = predict_images(run, [paths[0]] * 2, together=True)
    assert together["countries"] == alone["countries"]
    assert [set(a) for a in predict_images(run, [missing], together=True)] == [{"image", "error"}]


def test_a_part_of_the_samples(run: Path, shards: Path) -> None:
    samples = read_samples(shards, "test", read_labels(shards))
    trained = load_model(run)
    every = embed_samples(trained, samples)
    assert np.allclose(embed_samples(trained, take(samples, np.array([7, 2]))), every[[7, 2]])


def test_embeddings_of_another_model(run: Path, shards: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    with pytest.raises(UsageError, match=r"embeddings\.safetensors: no such file"):
        evaluate_model(tmp_path, shards, refine_by="neighbours")
    other = make_shards(tmp_path / "other", places=PLACES[:3])
    with pytest.raises(UsageError, match="its label table differs from that of"):
        embed_training_split(run, other)


def test_on_the_command_line(
    run: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "a.png"
    Image.fromarray(picture(PLACES[1], 800)).save(image)
    for words in (
        ["embed", run, "--shards", shards, "--json"],
        ["evaluate", run, "--shards", shards, "--refine", "prototypes", "--fuse-views", "--json"],
        ["predict", run, image, image, "--together", "--refine", "neighbours", "--json"],
    ):
        with pytest.raises(SystemExit) as stop:
            lostfound.main([str(word) for word in words])
        assert stop.value.code == 0
        found = json.loads(capsys.readouterr().out)
    assert found["predictions"][0]["position"]["lat"] == pytest.approx(PLACES[1].lat, abs=0.7)
    with pytest.raises(SystemExit):
        lostfound.main(["predict", str(run), str(image), str(image), "--together"])
    assert "2 views" in capsys.readouterr().out
