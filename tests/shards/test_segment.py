"""A segment cut anywhere continues after its last committed capture, with the same bytes."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.capture import Capture
from shards.errors import WorkError
from shards.segment import SegmentWriter, read_segment, segment_name
from shards.tar import write_member

IMAGES = [bytes([number]) * (700 * number + 1) for number in range(4)]


def capture(number: int) -> Capture:
    return Capture(key=f"test-{number}", source="test", source_id=str(number), lat="91,200")


def write_all(directory: Path) -> tuple[Path, list[int]]:
    """A sealed segment, and where each of its captures ends."""
    with SegmentWriter(directory, segment_name("w", 0)) as writer:
        ends = [writer.append(capture(n), image, "jpg").end for n, image in enumerate(IMAGES)]
        return writer.seal(), ends


def test_samples_come_back_with_their_places(tmp_path: Path) -> None:
    path, _ = write_all(tmp_path)
    assert path.name == "w-000000.tar"
    data = path.read_bytes()
    for number, sample in enumerate(read_segment(path)):
        assert sample.capture == capture(number)
        assert sample.problem == ""
        image = data[sample.image_offset : sample.image_offset + sample.image_size]
        assert image == IMAGES[number]
    assert not list(tmp_path.glob("*.open.tar"))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_cut_anywhere_after_a_commit_is_repaired(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole, ends = write_all(tmp_path_factory.mktemp("whole"))
    committed = data.draw(st.integers(0, len(ends)), "committed captures")
    start = ends[committed - 1] if committed else 0
    cut = data.draw(st.integers(start, whole.stat().st_size), "bytes on disk")
    directory = tmp_path_factory.mktemp("cut")
    (directory / "w-000000.open.tar").write_bytes(whole.read_bytes()[:cut])
    with SegmentWriter(directory, "w-000000", start) as writer:
        for number in range(committed, len(IMAGES)):
            writer.append(capture(number), IMAGES[number], "jpg")
        assert writer.seal().read_bytes() == whole.read_bytes()


def test_lost_committed_bytes_are_reported(tmp_path: Path) -> None:
    (tmp_path / "w-000000.open.tar").write_bytes(b"x" * 100)
    with pytest.raises(WorkError, match="100 bytes on disk but 1024 committed"):
        SegmentWriter(tmp_path, "w-000000", 1024)


def test_damaged_samples_have_problems_instead_of_exceptions(tmp_path: Path) -> None:
    path = tmp_path / "w-000000.tar"
    good = capture(0)
    with open(path, "wb") as file:
        write_member(file, "lonely.jpg", b"1")
        write_member(file, "wordless.json", b"{")
        write_member(file, "big.json", b" " * (1 << 21))
        write_member(file, f"{good.key}.json", good.to_json())
        file.write(bytes(1024))
    problems = {sample.key: (sample.problem, sample.image_size) for sample in read_segment(path)}
    assert problems["lonely"] == ("the JSON member is missing", 1)
    assert problems["wordless"][0].startswith("the JSON member is not a record")
    assert problems["big"] == ("the JSON member has 2097152 bytes", 0)
    assert problems["test-0"] == ("", 0)


def test_links_belong_to_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "w-000000.tar"
    with tarfile.open(path, "w") as tar:
        link = tarfile.TarInfo("a.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert list(read_segment(path)) == []


def test_what_is_no_tar_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w-000000.tar"
    path.write_bytes(b"not a tar" * 200)
    with pytest.raises(WorkError, match="not a readable segment"):
        list(read_segment(path))


def test_a_cut_or_damaged_sealed_segment_is_never_taken_for_a_shorter_one(tmp_path: Path) -> None:
    whole, ends = write_all(tmp_path)
    data = whole.read_bytes()
    cut = tmp_path / "cut.tar"
    for size in [*ends, *range(0, len(data), 300), len(data) - 1]:
        cut.write_bytes(data[:size])
        with pytest.raises(WorkError, match="not a readable segment"):
            list(read_segment(cut))
    for start in (0, *ends[:-1]):
        cut.write_bytes(data[:start] + b"\xff" + data[start + 1 :])
        with pytest.raises(WorkError, match="not a readable segment"):
            list(read_segment(cut))


def test_a_name_that_comes_again_is_another_sample(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path, segment_name("w", 0)) as writer:
        for image in (b"first", b"second"):
            writer.append(capture(0), image, "jpg")
        path = writer.seal()
    assert [sample.image_size for sample in read_segment(path)] == [5, 6]
