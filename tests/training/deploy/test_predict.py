from pathlib import Path

import pytest
from PIL import Image

from shards.errors import UsageError
from tests.training.shardmaker import PLACES, picture
from training.deploy.predict import predict_images


def test_pictures_of_every_country(run: Path, tmp_path: Path) -> None:
    paths = []
    for number, place in enumerate(PLACES):
        paths.append(tmp_path / f"{place.code}.png")
        Image.fromarray(picture(place, 900 + number)).save(paths[-1])
    found = predict_images(run, paths, k=2)
    for place, path, answer in zip(PLACES, paths, found, strict=True):
        assert answer["image"] == str(path)
        assert answer["countries"][0]["code"] == place.code
        assert len(answer["countries"]) == len(answer["regions"]) == 2
        assert answer["regions"][0]["id"] == place.region_id
        assert answer["position"]["lat"] == pytest.approx(place.lat, abs=0.7)
        assert answer["position"]["lon"] == pytest.approx(place.lon, abs=0.7)


def test_fewer_countries_than_asked_for(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (64, 36)).save(path)
    (answer,) = predict_images(run, [path], k=50)
    assert len(answer["countries"]) == 4
    assert sum(c["probability"] for c in answer["countries"]) == pytest.approx(1)
    probabilities = [c["probability"] for c in answer["countries"]]
    assert probabilities == sorted(probabilities, reverse=True)
    with pytest.raises(UsageError, match="at least one"):
        predict_images(run, [path], k=0)


def test_odd_images_beside_broken_ones(run: Path, tmp_path: Path) -> None:
    paths = []
    for mode, size in (("L", (10, 900)), ("RGBA", (900, 10)), ("P", (1, 1)), ("1", (33, 33))):
        paths.append(tmp_path / f"{mode}.png")
        Image.new(mode, size).save(paths[-1])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    found = predict_images(run, [broken, *paths, tmp_path / "absent.jpg"])
    assert ["error" in answer for answer in found] == [True, *[False] * 4, True]
    assert "absent.jpg: no such file" in found[-1]["error"]


def test_real_photographs(run: Path, shared_data: Path) -> None:
    photographs = sorted((shared_data / "photos" / "opensfm").rglob("*.jpg"))
    found = predict_images(run, [photographs[0], *photographs])  # more than one batch
    assert found[0] == found[1]
    found = found[1:]
    assert len(found) == len(photographs) >= 32
    assert all(len(answer["countries"]) == 4 for answer in found)
