from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards.errors import WorkError
from training.data.images import decode, fit, photograph, read_image


def test_fit_crops_the_centre_and_averages() -> None:
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:, 150:250] = 200
    assert fit(picture, 10, 10).min() == 200
    tall = np.zeros((400, 100, 3), np.uint8)
    tall[150:250] = 200
    assert fit(tall, 10, 10).min() == 200


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (320, 180), (319, 181), (64, 36)])
def test_fit_takes_any_shape(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 77, np.uint8)
    found = fit(picture, 160, 90)
    assert found.shape == (90, 160, 3)
    assert (found == 77).all()


def test_exif_orientation(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    image = Image.new("RGB", (40, 20), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned; shown upright, the left half is on top
    image.save(path, exif=exif, quality=95)
    found = read_image(path)
    assert found.shape == (40, 20, 3)
    assert found[5, 10, 2] > 200
    assert found[35, 10, 0] > 200


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "CMYK", "1", "F"])
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.tif" if mode in ("CMYK", "F", "I;16") else "image.png")
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(path)
    else:
        Image.new("RGB", (8, 8), (200, 200, 200)).convert(mode).save(path)
    found = read_image(path)
    assert found.shape == (8, 8, 3)
    assert found.dtype == np.uint8
    assert found.mean() > 150


def test_transparent_is_black(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(path)
    assert read_image(path).max() == 0


def test_unreadable_is_one_line(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 50).save(whole)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[:600])
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    empty = tmp_path / "empty.png"
    empty.touch()
    for path in (cut, text, empty, tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(WorkError) as caught:
            read_image(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20000, 20000)).save(path)
    with pytest.raises(WorkError, match=r"bomb\.png"):
        read_image(path)


def test_truncated_jpeg_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 50).convert("RGB").save(path)
    assert decode(path.read_bytes()).shape == (64, 64, 3)
    with pytest.raises(ValueError, match="truncated"):
        decode(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not an image"):
        decode(b"")


def test_only_formats_of_photographs_are_opened() -> None:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
    for data in (b"", script):
        with pytest.raises(WorkError, match="name: not an image of JPEG"):
            photograph(data, "name")


def test_the_limit_on_pixels_is_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (50, 20)).save(path)
    assert photograph(path.read_bytes(), "a", max_pixels=1000).shape == (20, 50, 3)
    with pytest.raises(WorkError, match=r"a: more than .* megapixels"):
        photograph(path.read_bytes(), "a", max_pixels=999)
