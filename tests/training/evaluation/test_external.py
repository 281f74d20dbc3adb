"""Test sets in the layouts in which they are published; of real photographs where there are."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import lostfound
from shards.errors import UsageError, WorkError
from tests.training.shardmaker import PLACES, picture
from training.evaluation.external import evaluate_images
from training.evaluation.layouts import read_test_set


def _save(path: Path, place: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(PLACES[place], number)).save(path)


@pytest.fixture
def im2gps(tmp_path: Path) -> Path:
    """Three good images, and one of each kind that cannot be used."""
    root = tmp_path / "im2gps3ktest"
    for number, place in enumerate((0, 1, 2)):
        _save(root / f"{number}_ab_{number}@N00.jpg", place, 900 + number)
    (root / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    _save(root / "nowhere.jpg", 0, 950)
    _save(root / "wrong.jpg", 0, 951)
    rows = [
        f"{n}_ab_{n}@N00.jpg,author,{PLACES[n].lat},{PLACES[n].lon},0,1,2" for n in (2, 0, 1)
    ] + [
        "broken.jpg,author,52.5,13.4,0,1,2",
        "nowhere.jpg,author,,,0,1,2",
        "wrong.jpg,author,99,13,0,1,2",
        "absent.jpg,author,52.5,13.4,0,1,2",
        "../outside.jpg,author,52.5,13.4,0,1,2",
        "1_ab_1@N00.jpg,author,52.5,13.4,0,1,2",
    ]
    header = "IMG_ID,AUTHOR,LAT,LON,S3_Label,S16_Label,S365_Label"
    (root / "im2gps3k_places365.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


def test_im2gps3k(im2gps: Path, run: Path) -> None:
    found = evaluate_images(run, im2gps, "im2gps3k")
    assert found["samples"] == 3
    assert found["country"]["top1"] == 1.0
    assert found["images"]["reasons"] == {
        "invalid_position": 1,
        "missing": 1,
        "no_position": 1,
        "outside": 1,
        "repeated": 1,
        "undecodable": 1,
    }
    folder = run / "evaluation-im2gps3ktest"
    assert json.loads((folder / "evaluation.json").read_text()) == found
    assert (folder / "index.html").is_file()
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    assert [row["country"] for row in rows] == ["BR", "DE", "JP"]
    assert (im2gps / rows[0]["tar"]).stat().st_size == rows[0]["tar_size"]
    refused = (folder / "refused.csv").read_text().splitlines()
    assert refused[0] == "image,reason,detail"
    assert len(refused) == 7


def test_osv5m_and_countries_that_the_model_lacks(run: Path, tmp_path: Path) -> None:
    root = tmp_path / "osv5m"
    _save(root / "images" / "test" / "00" / "111.jpg", 3, 1000)
    _save(root / "images" / "test" / "01" / "222.jpg", 0, 1001)
    (root / "test.csv").write_text(
        "id,latitude,longitude,country\n111,55.7,13.2,SE\n222,-12.05,-77.04,PE\n"
    )
    found = evaluate_images(run, root, "osv5m")
    assert (found["samples"], found["country"]["unknown"]) == (2, 1)
    assert found["country"]["balanced_accuracy"] == 1.0
    assert found["per_country"]["PE"]["known"] is False


def test_yfcc4k(run: Path, tmp_path: Path) -> None:
    """Images in folders of their own, beside the table of the 25,600 that they were taken from."""
    root = tmp_path / "yfcc4k"
    _save(root / "images" / "4501_1_ab.jpg", 1, 1002)
    _save(root / "images" / "4502_2_cd.jpg", 2, 1003)
    _save(root / "images" / "not-in-the-table.jpg", 2, 1004)
    header = "IMG_ID,AUTHOR,LAT,LON,S3_Label,S16_Label,S365_Label,Prob_indoor,Prob_natural"
    rows = ["4502_2_cd.jpg,b@N01,35.7,139.7,2,3,4,0.1,0.2", "4501_1_ab.jpg,a,52.5,13.4,2,3,4,0,1"]
    (root / "yfcc25600_places365.csv").write_text("\n".join([header, *rows]) + "\n")
    found = evaluate_images(run, root, "yfcc4k")
    assert (found["samples"], found["country"]["top1"], found["images"]["failed"]) == (2, 1.0, 0)
    (root / "yfcc25600_places365.csv").rename(root / "other.csv")
    with pytest.raises(UsageError, match=r"holds no yfcc\*\.csv; see --layout"):
        evaluate_images(run, root, "yfcc4k")


def test_a_parquet_table_with_columns_of_its_own(run: Path, tmp_path: Path) -> None:
    _save(tmp_path / "set" / "a" / "7.png", 1, 1010)
    table = pa.table({"photo": [7], "breite": [52.5], "laenge": [13.4]})
    pq.write_table(table, tmp_path / "set" / "list.parquet")
    with pytest.raises(UsageError, match=r"no column for image; it has photo.*--columns image="):
        evaluate_images(run, tmp_path / "set")
    columns = {"image": "photo", "lat": "breite", "lon": "laenge"}
    found = evaluate_images(run, tmp_path / "set" / "list.parquet", columns=columns)
    assert found["samples"] == 1
    assert found["country"]["top1"] == 1.0


def test_photographs_with_exif(shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "photos" / "opensfm"
    chosen = read_test_set(root, "folder")
    assert chosen.layout == "folder"
    assert len(chosen.found) >= 30
    position = chosen.found[0].position
    assert -90 < position.lat < 90
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(chosen.found[0].path, copy / "a.jpg")
    Image.new("RGB", (32, 32)).save(copy / "b.jpg")
    again = read_test_set(copy)
    assert [one.position for one in again.found] == [position]
    assert [one.reason for one in again.refused] == ["no_position"]


@pytest.mark.parametrize("text", ["file,author\na,Somebody\n", "id,lat,lon\nnowhere,1,2\n"])
def test_a_table_of_something_else_is_no_test_set(
    shared_data: Path, tmp_path: Path, text: str
) -> None:
    photograph = next((shared_data / "photos" / "opensfm").rglob("*.jpg"))
    shutil.copy(photograph, tmp_path)
    (tmp_path / "notes.csv").write_text(text)
    found = read_test_set(tmp_path)
    assert (found.layout, [one.name for one in found.found]) == ("folder", [photograph.name])


def test_nothing_to_evaluate(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder or table"):
        evaluate_images(run, tmp_path / "absent")
    with pytest.raises(UsageError, match="no image with a position"):
        evaluate_images(run, tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,lat,lon\nx,1,2\n")
    with pytest.raises(UsageError, match="several tables"):
        evaluate_images(run, tmp_path)
    with pytest.raises(UsageError, match=r"no image with a position .x: missing"):
        evaluate_images(run, tmp_path / "a.csv")
    (tmp_path / "x.jpg").write_bytes(b"none")
    with pytest.raises(WorkError, match="no image can be read"):
        evaluate_images(run, tmp_path / "a.csv")


def test_on_the_command_line(im2gps: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        lostfound.main(["evaluate", str(run), "--images", str(im2gps), "--subset", "DE"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "country, top-1" in shown
    assert "could not be used" in shown
    for words in ([], ["--images", str(im2gps), "--columns", "place=x"]):
        with pytest.raises(SystemExit) as stop:
            lostfound.main(["evaluate", str(run), *words])
        assert stop.value.code == 2
