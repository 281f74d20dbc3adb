"""What the stages rely on, in every kind of store."""

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.errors import UsageError, WorkError
from shards.store import Store, open_store
from tests.stores import memory, s3


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as address:
        yield address


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "store")
    if request.param == "memory":
        return open_store(memory())
    return open_store(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def put(store: Store, name: str, data: bytes) -> None:
    with store.writing(name) as path:
        path.write_bytes(data)


def get(store: Store, name: str) -> bytes:
    with store.at_hand([name]) as folder:
        return (folder / name).read_bytes()


def test_what_is_written_can_be_found_and_read(store: Store) -> None:
    data = bytes(range(256)) * 100
    assert (store.sizes(), store.sizes("a"), store.size("a/b/c.bin")) == ({}, {}, None)
    put(store, "a/b/c.bin", data)
    put(store, "a/d.txt", b"")
    put(store, "ab/e.txt", b"e")
    assert store.sizes("a") == {"a/b/c.bin": len(data), "a/d.txt": 0}
    assert store.sizes() == {**store.sizes("a"), "ab/e.txt": 1}
    assert (store.size("a/b/c.bin"), store.size("a/b"), store.size("no")) == (len(data), None, None)
    assert get(store, "a/b/c.bin") == data
    assert store.sha256("a/b/c.bin") == hashlib.sha256(data).hexdigest()


def test_ranges_are_exact(store: Store) -> None:
    put(store, "x.bin", b"0123456789")
    assert store.read_range("x.bin", 3, 4) == b"3456"
    assert store.read_range("x.bin", 9, 1) == b"9"
    with pytest.raises(WorkError, match=r"x\.bin: ends before byte 12"):
        store.read_range("x.bin", 8, 4)


def test_what_fails_while_it_is_written_leaves_what_was_there(store: Store) -> None:
    put(store, "a/x", b"before")

    def fail() -> None:
        with store.writing("a/x") as path:
            path.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (store.sizes(), get(store, "a/x")) == ({"a/x": 6}, b"before")


def test_files_get_other_names(store: Store) -> None:
    put(store, "stage/x", b"new")
    put(store, "final/x", b"older")
    store.link("stage/x", "stage/y")
    names = {"stage/x": "final/x", "stage/y": "other/y", "stage/moved-before": "final/y"}
    store.move(names)
    store.move(names)
    assert store.sizes() == {"final/x": 3, "other/y": 3}
    assert get(store, "final/x") == get(store, "other/y") == b"new"


def test_files_and_folders_go(store: Store) -> None:
    for name in ("a/x", "a/b/y", "ab/z"):
        put(store, name, b"1")
    store.remove("a/x")
    store.remove("a/x")
    store.remove("never/there")
    assert store.sizes() == {"a/b/y": 1, "ab/z": 1}
    store.remove_folder("a")
    assert store.sizes() == {"ab/z": 1}


def test_what_is_done_at_hand_is_done_in_the_store(store: Store) -> None:
    for name in ("a/same", "a/gone", "a/other", "b/far"):
        put(store, name, b"1")
    with store.at_hand(["a/same", "a/gone", "a/other", "a/missing"]) as folder:
        assert (folder / "a/same").read_bytes() == b"1"
        assert not (folder / "a/missing").exists()
        (folder / "a/gone").unlink()
        (folder / "a/other").write_bytes(b"22")
        (folder / "c").mkdir()
        (folder / "c/new").write_bytes(b"333")
    assert store.sizes() == {"a/same": 1, "a/other": 2, "b/far": 1, "c/new": 3}


def test_a_store_goes_to_other_machines(store: Store) -> None:
    put(store, "x", b"1")
    if "memory" not in str(store):
        assert pickle.loads(pickle.dumps(store)).sizes() == {"x": 1}
    assert str(pickle.loads(pickle.dumps(store))) == str(store)


def test_unfinished_files_are_not_listed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    put(store, "x", b"1")
    (tmp_path / ".tmp-1234-y").write_bytes(b"half")
    assert store.sizes() == {"x": 1}


def test_names_that_lead_out_are_not_brought_to_hand(bucket: str) -> None:
    store = open_store(f"{bucket}/out")
    with pytest.raises(WorkError, match=r"'\.\./x', which leads out"), store.at_hand(["../x"]):
        pass


def test_addresses_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(UsageError, match="not an address"):
        open_store("s3://")
    with pytest.raises(UsageError, match="cannot be used"):
        open_store("nosuchthing://bucket/x")
