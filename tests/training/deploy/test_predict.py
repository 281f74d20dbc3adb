from pathlib import Path

import numpy as np
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
    # Europe's is the sum of Germany's and Sweden's.
    own = {c["code"]: c["probability"] for c in answer["countries"]}
    continents = {c["name"]: c["probability"] for c in answer["continents"]}
    assert continents == pytest.approx(
        {"South America": own["BR"], "Europe": own["DE"] + own["SE"], "Asia": own["JP"]}
    )
    assert list(continents.values()) == sorted(continents.values(), reverse=True)
    with pytest.raises(UsageError, match="at least one"):
        predict_images(run, [path], k=0)


def test_odd_images_beside_broken_ones(run: Path, tmp_path: Path) -> None:
    paths = []
    for mode, size in (("L", (10, 900)), ("RGBA", (900, 10)), ("P", (1, 1)), ("1", (33, 33)),
                       ("LA", (9, 9)), ("I;16", (40, 20))):  # fmt: skip
        paths.append(tmp_path / f"{mode}.png")
        Image.new(mode, size).save(paths[-1])
    paths.append(tmp_path / "cmyk.jpg")
    Image.new("CMYK", (64, 36)).save(paths[-1])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    found = predict_images(run, [broken, *paths, tmp_path / "absent.jpg", tmp_path])
    assert ["error" in answer for answer in found] == [True, *[False] * 7, True, True]
    assert "absent.jpg: no such file" in found[-2]["error"]
    assert "a directory" in found[-1]["error"]


def test_orientation_and_frames(run: Path, tmp_path: Path) -> None:
    """The left half is Brazil's colour, the right half Germany's; a tall network crop shows it."""
    brazil, germany = (picture(place, 9, 60, 60) for place in PLACES[:2])
    upright = Image.fromarray(np.concatenate([brazil, germany], axis=1))
    plain, turned = tmp_path / "plain.png", tmp_path / "turned.png"
    upright.save(plain)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    frames = tmp_path / "frames.png"
    other = Image.fromarray(picture(PLACES[2], 5, 120, 60))
    upright.save(frames, save_all=True, append_images=[other], default_image=False)
    one, two, three = predict_images(run, [plain, turned, frames])
    assert one["countries"] == two["countries"] == three["countries"]


def test_order_over_batches(run: Path, tmp_path: Path) -> None:
    """Seventy images in three batches, read by several threads, every seventh missing."""
    for number, place in enumerate(PLACES):
        Image.fromarray(picture(place, 900 + number)).save(tmp_path / f"{number}.png")
    paths = [tmp_path / ("absent" if n % 7 == 0 else f"{n % 4}.png") for n in range(70)]
    steps: list[int] = []
    found = predict_images(run, paths, k=1, advance=lambda n=1: steps.append(n))
    assert [answer["image"] for answer in found] == [str(path) for path in paths]
    assert sum(steps) == 70
    for number, answer in enumerate(found):
        if number % 7:
            assert answer["countries"][0]["code"] == PLACES[number % 4].code
        else:
            assert "no such file" in answer["error"]


def test_views_of_one_place(run: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths[:2]:
        Image.fromarray(picture(PLACES[1], 4)).save(path)
    error, answer = predict_images(run, paths, together=True)
    assert error["image"] == str(paths[2])
    assert answer["images"] == [str(path) for path in paths[:2]]
    assert answer["countries"][0]["code"] == "DE"


def test_addresses_need_a_fetcher(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture(PLACES[1], 4)).save(path)
    address = "https://example.org/a.png"
    (refused,) = predict_images(run, [address])
    assert refused["error"].startswith(f"{address}: web addresses are not fetched")
    (answer,) = predict_images(run, [address], fetch=lambda url: path.read_bytes())
    assert answer["countries"][0]["code"] == "DE"


def test_real_photographs(run: Path, shared_data: Path) -> None:
    photographs = sorted((shared_data / "photos" / "opensfm").rglob("*.jpg"))
    found = predict_images(run, [photographs[0], *photographs])  # more than one batch
    assert found[0] == found[1]
    found = found[1:]
    assert len(found) == len(photographs) >= 32
    assert all(len(answer["countries"]) == 4 for answer in found)
