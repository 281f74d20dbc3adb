"""Photographs: whose order, which pixels, and nothing of the file that they came from."""

import io
from pathlib import Path

import cv2
import fsspec
import numpy as np
import pytest
from PIL import Image

from shards.errors import UsageError, WorkError
from tests.training.shardmaker import PLACES, make_shards, picture
from training.baseline.deck import Deck, Resolution, parse_resolution, read_deck
from training.data.images import decode, fit


def with_exif() -> bytes:
    image = Image.fromarray(picture(PLACES[0], 1))
    exif = Image.Exif()
    exif[0x010E] = "Brazil, near the sea"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"key-of-the-sample")
    return out.getvalue()


def test_a_picture_holds_nothing_but_pixels(tmp_path: Path) -> None:
    data = with_exif()
    shards = make_shards(tmp_path / "s", {"train": 4, "test": 1}, images={"test-0004": data})
    deck = read_deck(shards, "test", Resolution(32, 18))
    png = deck.picture(0)
    assert b"Brazil" in data
    assert b"Brazil" not in png
    assert b"test-0004" not in png
    opened = Image.open(io.BytesIO(png))
    assert (opened.format, opened.size, dict(opened.getexif()), opened.info) == (
        "PNG",
        (32, 18),
        {},
        {},
    )
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert (shown == fit(decode(data), 32, 18)).all()
    assert (shown == deck.pixels(0)).all()


def test_shards_at_an_address(
    shards: Path, deck: Deck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tar is fetched when one of its pictures is shown."""
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path))
    store = fsspec.filesystem("memory")
    store.put(str(shards), "/of-the-game", recursive=True)
    try:
        found = read_deck("memory://of-the-game", "test", deck.resolution)
        assert found.order(0, "a") == deck.order(0, "a")
        assert not list(tmp_path.rglob("*.tar"))
        assert found.picture(0) == deck.picture(0)
        assert [path.name for path in tmp_path.rglob("*.tar")] == ["test-000000.tar"]
    finally:
        store.rm("/of-the-game", recursive=True)


def test_everybody_has_an_order_of_their_own_that_never_changes(deck: Deck) -> None:
    orders = [deck.order(0, person) for person in ("a", "b", "c")]
    assert all(sorted(order) == list(range(len(deck))) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert orders == [deck.order(0, person) for person in ("a", "b", "c")]
    assert deck.order(1, "a") != orders[0]


def test_countries_that_cannot_be_named_are_not_shown(tmp_path: Path) -> None:
    unknown = {"test-0004": {"country_index": -1}}
    shards = make_shards(tmp_path / "s", {"train": 4, "test": 3}, changes=unknown)
    deck = read_deck(shards, "test", Resolution(32, 18))
    assert sorted(deck.samples.keys[row] for row in deck.order(0, "a")) == [
        "test-0005",
        "test-0006",
    ]
    none = {f"test-{number:04d}": {"country_index": -1} for number in (4, 5, 6)}
    shards = make_shards(tmp_path / "n", {"train": 4, "test": 3}, changes=none)
    with pytest.raises(UsageError, match="no sample of the test split has a country"):
        read_deck(shards, "test", Resolution(32, 18))


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 4, "test": 1}, images={"test-0004": b"no"})
    with pytest.raises(WorkError, match=r"test-0004 in .*: not an image; run `lostfound verify`"):
        read_deck(shards, "test", Resolution(32, 18)).picture(0)


@pytest.mark.parametrize(
    "text", ["", "x", "130", "130x", "0x0", "7x80", "130x80x3", "99999x9", "1e2x80", "-1x80"]
)
def test_what_is_no_resolution(text: str) -> None:
    with pytest.raises(UsageError, match="write WIDTHxHEIGHT"):
        parse_resolution(text)


def test_resolutions() -> None:
    assert parse_resolution("130x80") == Resolution(130, 80)
    assert str(parse_resolution("320X180")) == "320x180"
