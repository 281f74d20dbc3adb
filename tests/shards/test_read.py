"""Reading what is damaged is one line, never half an image."""

from pathlib import Path

import pytest

from shards.errors import WorkError
from shards.read import iterate_samples, read_range
from shards.tar import END_OF_ARCHIVE, write_member


def test_a_range_beyond_the_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_range(tmp_path / "a", 1, 3) == b"234"
    with pytest.raises(WorkError, match="ends before byte 7"):
        read_range(tmp_path / "a", 2, 5)
    with pytest.raises(WorkError, match="cannot be read"):
        read_range(tmp_path / "b", 0, 1)


@pytest.mark.parametrize(
    "names", [["a.jpg"], ["a.json", "a.jpg"], ["a.jpg", "b.json"], ["a.jpg", "a.txt"]]
)
def test_what_is_no_sample(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "a.tar"
    with open(path, "wb") as file:
        for name in names:
            write_member(file, name, b"{}")
        file.write(END_OF_ARCHIVE)
    with pytest.raises(WorkError, match="not a readable shard"):
        list(iterate_samples(path))


def test_what_is_no_tar(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    with pytest.raises(WorkError, match="not a readable shard"):
        list(iterate_samples(tmp_path / "a.tar"))
