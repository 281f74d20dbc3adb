"""Detectors run in OpenCV on real ONNX files that have the real ones' inputs and outputs."""

from pathlib import Path

import numpy as np
import pytest

from enrich.images.decode import Pixels
from enrich.images.detect import FACE, PLATE, Found, Model, load_detector, open_model
from shards.errors import UsageError, WorkError
from tests.enrich.images.onnx import face_model, plate_model

RED, BLUE = (0, 0, 255), (255, 0, 0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = {FACE: folder / "face.onnx", PLATE: folder / "plate.onnx"}
    paths[FACE].write_bytes(face_model())
    paths[PLATE].write_bytes(plate_model())
    return paths


def grey(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 90, np.uint8)


def found(models: dict[str, Path], what: str, pixels: Pixels) -> list[Found]:
    return load_detector(open_model(what, models[what])).find(pixels)


def test_names_are_those_of_the_content(models: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(models[FACE].read_bytes())
    first, second = open_model(FACE, models[FACE]), open_model(FACE, other)
    assert first.sha256 == second.sha256
    assert first.sha256 != open_model(PLATE, models[PLATE]).sha256


@pytest.mark.parametrize("what", [FACE, PLATE])
def test_nothing_is_found_where_nothing_is(models: dict[str, Path], what: str) -> None:
    assert found(models, what, grey(640, 360)) == []


@pytest.mark.parametrize("size", [(320, 320), (333, 200), (640, 360), (1280, 720)])
def test_a_face_is_where_it_is(models: dict[str, Path], size: tuple[int, int]) -> None:
    pixels = grey(*size)
    pixels[64:96, 160:192] = RED  # one cell of the network; its box has twice that size
    (face,) = found(models, FACE, pixels)
    assert (face.what, face.x, face.y, face.width, face.height) == (FACE, 144, 48, 64, 64)
    assert face.score > 0.99


@pytest.mark.parametrize("size", [(2560, 1440), (1440, 2560)])
def test_a_large_picture_is_looked_at_smaller(
    models: dict[str, Path], size: tuple[int, int]
) -> None:
    pixels = grey(*size)
    pixels[640:704, 320:384] = RED
    (face,) = found(models, FACE, pixels)
    assert (face.x, face.y, face.width, face.height) == (288, 608, 128, 128)


def test_a_plate_in_a_picture_of_the_networks_size(models: dict[str, Path]) -> None:
    pixels = grey(320, 240)
    pixels[64:96, 160:192] = BLUE
    (plate,) = found(models, PLATE, pixels)
    assert (plate.what, plate.x, plate.y) == (PLATE, 144, 48)
    assert (plate.width, plate.height) == pytest.approx((64, 64))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (0, 0),
        (240 + 32, 180 + 64),  # in the second window of each axis
        (1280 - 320 + 288, 720 - 240 + 192),  # in the last
    ],
)
def test_a_small_plate_in_a_large_picture(models: dict[str, Path], x: int, y: int) -> None:
    pixels = grey(1280, 720)
    pixels[y : y + 32, x : x + 32] = BLUE
    plates = found(models, PLATE, pixels)
    assert len(plates) == 1
    assert (plates[0].x, plates[0].y) == pytest.approx((x - 16, y - 16))


def test_a_plate_that_fills_the_picture(models: dict[str, Path]) -> None:
    """Found in the whole picture alone, where it is a quarter as large."""
    pixels = grey(1280, 960)
    pixels[256:384, 640:768] = BLUE
    assert any(plate.width == pytest.approx(256) for plate in found(models, PLATE, pixels))


@pytest.mark.parametrize("size", [(1, 1), (31, 5), (321, 241), (100, 1000), (1, 3000)])
@pytest.mark.parametrize("what", [FACE, PLATE])
def test_any_size_can_be_looked_at(
    models: dict[str, Path], what: str, size: tuple[int, int]
) -> None:
    assert found(models, what, grey(*size)) == []


def test_what_is_no_model_is_one_line(models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "empty.onnx").touch()
    for path in (tmp_path / "text.onnx", tmp_path / "empty.onnx", tmp_path / "missing", tmp_path):
        for what in (FACE, PLATE):
            with pytest.raises(UsageError) as caught:
                open_model(what, path)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=r"not a face detector .* YuNet"):
        open_model(FACE, models[PLATE])
    with pytest.raises(UsageError, match=r"not a plate detector .* LPD-YuNet"):
        open_model(PLATE, models[FACE])


def test_a_model_that_changes_during_a_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face.onnx"
    path.write_bytes(face_model())
    model = open_model(FACE, path)
    path.write_bytes(face_model(320, 320))
    with pytest.raises(WorkError, match="changed since the run began"):
        load_detector(model)
    with pytest.raises(WorkError, match="cannot be read"):
        load_detector(Model(FACE, tmp_path / "gone", model.sha256))
