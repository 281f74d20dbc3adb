"""What we write is what other tar readers read, byte for byte, at the offsets that we return."""

import io
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.tar import BLOCK, END_OF_ARCHIVE, Member, header, headers, member_size, write_member
from tests.shards.chunks import GEAR_TABLE

names = st.from_regex(r"[A-Za-z0-9_-]{1,64}\.(jpg|json)", fullmatch=True)
members = st.dictionaries(names, st.binary(max_size=2000), max_size=8)


def archive(contents: dict[str, bytes]) -> tuple[bytes, dict[str, int]]:
    file = io.BytesIO()
    offsets = {name: write_member(file, name, data) for name, data in contents.items()}
    file.write(END_OF_ARCHIVE)
    return file.getvalue(), offsets


@given(members)
def test_tarfile_reads_what_is_written(contents: dict[str, bytes]) -> None:
    data, offsets = archive(contents)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        found = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
        assert {info.name: info.offset_data for info in tar.getmembers()} == offsets
    assert found == contents
    for name, offset in offsets.items():
        assert data[offset : offset + len(contents[name])] == contents[name]


@given(st.lists(st.tuples(names, st.integers(0, 8**11 - 1)), min_size=1, max_size=8))
def test_many_headers_are_those_of_each(found: list[tuple[str, int]]) -> None:
    blocks = headers([name for name, _ in found], np.array([size for _, size in found]))
    assert [block.tobytes() for block in blocks] == [header(*one) for one in found]


@pytest.mark.parametrize(("name", "size"), [("k" * 97 + ".jpg", 1), ("k.jpg", 8**11)])
def test_what_does_not_fit_into_headers_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        headers([name], np.array([size]))


@given(members)
def test_sizes_add_up(contents: dict[str, bytes]) -> None:
    data, _ = archive(contents)
    expected = sum(member_size(len(content)) for content in contents.values())
    assert len(data) == expected + len(END_OF_ARCHIVE)


def test_no_owner_time_or_umask_in_a_header() -> None:
    data, _ = archive({"a.jpg": b"1"})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        info = tar.getmembers()[0]
    assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")
    assert (info.mtime, info.mode) == (0, 0o644)
    assert data[257:265] == b"ustar\x0000"


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True), st.integers(0, 8**11 - 1))
def test_headers_are_those_of_tarfile(name: str, size: int) -> None:
    theirs = tarfile.TarInfo(name)
    theirs.size = size
    expected = theirs.tobuf(format=tarfile.USTAR_FORMAT)
    ours = header(name, size)
    # But for the checksum and the bytes that no field has.
    assert (ours[:148], ours[156:500]) == (expected[:148], expected[156:500])
    for block in (ours, expected):
        read = [one.frombuf(block, "utf-8", "surrogateescape") for one in (Member, tarfile.TarInfo)]
        found, same = (one.get_info() for one in read)
        assert found == same
        assert (found["name"], found["size"]) == (name, size)


@given(st.integers(0, BLOCK - 1), st.integers(0, 255))
def test_any_other_header_is_read_as_tarfile_reads_it(position: int, value: int) -> None:
    changed = bytearray(header("a.jpg", 1234))
    changed[position] = value
    found: list[object] = []
    for kind in (Member, tarfile.TarInfo):
        try:
            found.append(kind.frombuf(bytes(changed), "utf-8", "surrogateescape").get_info())
        except tarfile.HeaderError as error:
            found.append(repr(error))
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "size"), [("", 1), ("a" * 101, 1), ("a.jpg", 8**11)])
def test_what_no_plain_header_holds_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="plain header"):
        header(name, size)


@given(names, st.integers(0, 8**11 - 1))
def test_a_chunk_of_the_hub_ends_with_a_header(name: str, size: int) -> None:
    """The gear hash of its last 64 bytes, in which a byte's value is shifted once for each byte
    after it, has 16 zeros in front."""
    value = 0
    for byte in header(name, size)[-64:]:
        value = (value << 1) + GEAR_TABLE[byte]
    assert (value % 2**64) >> 48 == 0
