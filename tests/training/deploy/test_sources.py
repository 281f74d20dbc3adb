from pathlib import Path

import pytest

from shards.errors import UsageError
from training.deploy.sources import find, is_address


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    wanted = [
        _touch(tmp_path / "a" / "2.JPG"),
        _touch(tmp_path / "a" / "b" / "1.png"),
        _touch(tmp_path / "c.webp"),
    ]
    for other in ("labels.csv", "a/notes.txt", ".hidden.jpg", ".git/x.png", "raw.heic"):
        _touch(tmp_path / other)
    (tmp_path / "loop").symlink_to(tmp_path)
    found = find([str(tmp_path), "https://example.org/x?y", "absent.jpg"])
    assert found.names == [*map(str, wanted), "https://example.org/x?y", "absent.jpg"]
    assert found.others == 3
    assert found.needs_network


def test_a_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = _touch(tmp_path / "photograph")
    assert find([str(path)]).names == [str(path)]


def test_a_list_on_standard_input(tmp_path: Path) -> None:
    lines = ["one.jpg\n", "\n", " two words.jpg \r\n", "HTTP://example.org"]
    found = find(["first.png", "-"], lines)
    assert found.names == ["first.png", "one.jpg", " two words.jpg ", "HTTP://example.org"]
    assert not find(["first.png"], lines).needs_network


@pytest.mark.parametrize("words", [[], ["-"]])
def test_nothing_named(words: list[str]) -> None:
    with pytest.raises(UsageError, match="no images"):
        find(words)


def test_a_folder_without_images(tmp_path: Path) -> None:
    _touch(tmp_path / "a.txt")
    with pytest.raises(UsageError, match="it has 1 other files"):
        find([str(tmp_path)])


def test_what_is_an_address() -> None:
    assert is_address("https://example.org")
    assert not any(map(is_address, ("ftp://x", "file:///etc/passwd", "s3://b/k", "http:/x")))
