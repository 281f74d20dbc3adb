"""The report's image/JSON pairs: complete ones become rounds, the others are counted."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.imports.found import Found, Problem
from crawler.imports.pairs import pairs
from crawler.imports.photos import import_photos
from lostfound import main
from shards.layout import DatasetLayout
from shards.segment import read_segment
from tests.crawler.imports.test_photos import picture

GAME = "KzXp4o-2_q"


def write(folder: Path, name: str, label: Any, *, image: bytes | None = b"\x89PNG") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if image is not None:
        (folder / f"geoguessr_location_{name}.png").write_bytes(image)
    if label is not None:
        text = label if isinstance(label, str) else json.dumps(label)
        (folder / f"geoguessr_result_{name}.json").write_text(text)


def only(folder: Path) -> Found:
    [found] = pairs(folder)
    return found


def test_a_round_of_each_mode(tmp_path: Path) -> None:
    write(tmp_path / "a", f"singleplayer_{GAME}_3", '{"coordinates": [-33.8670500, 151.20]}')
    write(tmp_path / "b", f"multiplayer_{GAME}_12", {"country": "Türkiye"})
    single, multi = only(tmp_path / "a"), only(tmp_path / "b")
    assert single.problem is multi.problem is None
    assert dict(single.fields) == {"lat": "-33.8670500", "lon": "151.20", "group_id": GAME}
    assert dict(multi.fields) == {"country": "Türkiye", "group_id": GAME}
    assert (single.source, single.identity) == ("geoguessr", (GAME, "3"))
    assert (multi.source, multi.identity) == ("geoguessr-multiplayer", (GAME, "12"))


def test_what_lost_its_partner(tmp_path: Path) -> None:
    write(tmp_path, f"singleplayer_{GAME}_1", None)
    write(tmp_path, f"singleplayer_{GAME}_2", {"coordinates": [1, 2]}, image=None)
    (tmp_path / "list.txt").write_text("a list")
    found = {one.relative: one for one in pairs(tmp_path)}
    assert [one.problem for one in found.values() if one.is_image] == [Problem.UNPAIRED] * 2
    assert not found["list.txt"].is_image


@pytest.mark.parametrize(
    "label",
    [
        "",
        "{",
        "[1, 2]",
        "null",
        {},
        {"coordinates": None},
        {"coordinates": [1]},
        {"coordinates": [1, 2, 3]},
        {"coordinates": [[1], 2]},
        {"coordinates": {"lat": 1, "lon": 2}},
        {"country": ""},
        {"country": 7},
        "[" * 50_000,
        " " * 70_000 + "{}",
    ],
)
def test_broken_labels(tmp_path: Path, label: Any) -> None:
    write(tmp_path, f"singleplayer_{GAME}_1", label)
    assert only(tmp_path).problem is Problem.BROKEN_LABEL


@given(st.text())
def test_any_text_is_a_label_or_broken(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "geoguessr_location_singleplayer_g_1.png").write_bytes(b"x")
    result = folder / "geoguessr_result_singleplayer_g_1.json"
    result.write_text(text, encoding="utf-8", errors="surrogatepass")
    assert only(folder).problem in (None, Problem.BROKEN_LABEL)


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"country": "secret"}')
    folder = tmp_path / "in"
    write(folder, f"singleplayer_{GAME}_1", None)
    (folder / f"geoguessr_result_singleplayer_{GAME}_1.json").symlink_to(tmp_path / "secret.json")
    assert only(folder).problem is Problem.OUTSIDE


def test_the_command_imports_each_round_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, layout = tmp_path / "in", DatasetLayout(tmp_path / "dataset")
    for number in range(3):
        name = f"singleplayer_{GAME}_{number}"
        write(root / "run1", name, {"coordinates": [55.7, 13.2]}, image=picture(number, "PNG"))
    write(root / "run2", f"singleplayer_{GAME}_0", {"coordinates": [1, 2]}, image=picture(9, "PNG"))
    write(root, f"multiplayer_{GAME}_1", {"country": "Kosovo"}, image=picture(4, "PNG"))
    write(root, f"multiplayer_{GAME}_2", "broken")
    command = ["import", str(root), "--format", "pairs", "--out", str(layout.root), "--json"]
    with pytest.raises(SystemExit) as end:
        main(command)
    summary = json.loads(capsys.readouterr().out)
    assert end.value.code == 1
    assert (summary["found"], summary["imported"], summary["already_there"]) == (6, 4, 1)
    assert summary["problems"] == {"broken_label": 1}
    captures = [
        sample.capture for segment in layout.sealed_segments() for sample in read_segment(segment)
    ]
    assert sorted(one.key for one in captures if one) == sorted(
        [f"geoguessr-{GAME}-{n}" for n in range(3)] + [f"geoguessr-multiplayer-{GAME}-1"]
    )
    again = import_photos(root, layout, "pairs")
    assert (again.imported, again.already_there, again.segments) == (0, 5, [])
