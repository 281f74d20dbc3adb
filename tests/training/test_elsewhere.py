"""A run at an address is measured, described and compared there as in a folder: the same bytes."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import lostfound
from shards.remote import open_remote
from tests.stores import fill, hashes, s3
from tests.training.shardmaker import PLACES, encode, picture
from training.job.runs import IN_ORDER

WORDS = ("--split", "validation")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as address:
        yield address


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pair(run: Path, bucket: str, tmp_path: Path) -> tuple[str, str]:
    """The same run here and there."""
    here, there = tmp_path / "runs" / "run", f"{bucket}/{uuid.uuid4().hex[:8]}/run"
    for name in IN_ORDER:
        if (run / name).is_file():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run / name, here / name)
    fill(there, here)
    return str(here), there


def lost_and_found(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as stop:
        lostfound.main([str(word) for word in words])
    found = capsys.readouterr()
    assert stop.value.code == 0, found.err
    return found.out


def test_what_verbs_write_beside_a_model_is_the_same_at_its_address(
    pair: tuple[str, str], shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = ("evaluate", "--shards", shards)
    said = []
    for run in pair:
        texts = [
            lost_and_found(capsys, verb, run, *words, "--json")
            for verb, *words in (
                ("card",),
                measure,
                (*measure, *WORDS),
                ("embed", "--shards", shards),
                ("export-onnx",),
                (*measure, "--refine", "neighbours"),
            )
        ]
        assert json.loads(texts[0])["card"] == f"{run}/README.md"
        assert json.loads(texts[3])["embeddings"] == f"{run}/embeddings.safetensors"
        assert json.loads(texts[4])["onnx"] == f"{run}/model.onnx"
        said.append([text.replace(run, "RUN") for text in texts])
    assert said[0] == said[1]
    here, there = map(hashes, pair)
    assert here == there
    assert "On 11 photographs" in open_remote(pair[1]).read("README.md").decode()
    assert {"evaluation/evaluation.json", "evaluation-validation/index.html"} <= there.keys()


def test_answers_are_refined_by_what_stands_at_the_address(
    pair: tuple[str, str], shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost_and_found(capsys, "embed", pair[1], "--shards", shards)
    photograph = tmp_path / "photograph.jpg"
    photograph.write_bytes(encode(picture(PLACES[0], 1)))
    plain, refined = (
        json.loads(lost_and_found(capsys, "predict", pair[1], photograph, "--json", *words))
        for words in ((), ("--refine", "neighbours"))
    )
    (one,), (other,) = plain["predictions"], refined["predictions"]
    assert one["countries"] == other["countries"]
    assert one["position"] != other["position"]


def test_an_evaluation_goes_to_an_address_of_its_own(
    pair: tuple[str, str],
    shards: Path,
    bucket: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = f"{bucket}/figures"
    before = hashes(pair[0])
    text = lost_and_found(capsys, "evaluate", pair[0], "--shards", shards, "--out", out)
    assert f"{out}/evaluation/index.html" in text
    lost_and_found(capsys, "evaluate", pair[0], "--shards", shards, "--out", tmp_path / "figures")
    assert hashes(out) == hashes(tmp_path / "figures")
    assert hashes(pair[0]) == before


def test_runs_are_compared_wherever_they_are(
    pair: tuple[str, str], shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = pair
    for run in pair:
        lost_and_found(capsys, "evaluate", run, "--shards", shards)
        lost_and_found(capsys, "evaluate", run, "--shards", shards, *WORDS)
    before = hashes(there)
    found = json.loads(lost_and_found(capsys, "compare", here, there, "--json"))
    first, second = (one["name"] for one in found["evaluations"])
    assert (first, second) == ("runs/run", "/".join(there.split("/")[-2:]))
    assert found["paired"]
    parts = [f"{run}/evaluation-validation" for run in pair]
    found = json.loads(lost_and_found(capsys, "compare", *parts, "--json"))
    assert {one["split"] for one in found["evaluations"]} == {"validation"}
    assert hashes(there) == before
