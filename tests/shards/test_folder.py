"""A folder here and at addresses: what is read, what is sent, and what is said of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.errors import UsageError, WorkError
from shards.folder import open_folder
from shards.store import open_store
from tests.stores import memory, s3


@pytest.fixture(params=["directory", "memory", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place with two files."""
    if request.param == "s3":
        with s3() as address:
            yield _filled(f"{address}/a/b")
    else:
        yield _filled(memory() if request.param == "memory" else str(tmp_path / "there"))


def _filled(where: str) -> str:
    for name in ("read.txt", "left/alone.txt"):
        with open_store(where).writing(name) as path:
            path.write_text(name)
    return where


def test_what_is_written_is_there_afterwards(where: str) -> None:
    with open_folder(where, ["read.txt", "absent.txt"]) as folder:
        assert (folder.here / "read.txt").read_text() == "read.txt"
        assert not (folder.here / "absent.txt").exists()
        new = folder.here / "deep" / "new.txt"
        new.parent.mkdir()
        new.write_text("new")
        (folder.here / "read.txt").write_text("changed")
        assert folder.where(new) == f"{where}/deep/new.txt"
        assert folder.where(folder.here) == where
    store = open_store(where)
    with store.at_hand(store.sizes()) as there:
        assert {name: (there / name).read_text() for name in store.sizes()} == {
            "read.txt": "changed",
            "left/alone.txt": "left/alone.txt",
            "deep/new.txt": "new",
        }


@pytest.mark.parametrize("where", ["memory", "s3"], indirect=True)
def test_nothing_is_sent_of_work_that_fails_and_its_error_names_the_address(where: str) -> None:
    before = open_store(where).sizes()
    with pytest.raises(WorkError, match=f"^{where}/new.txt: broken$"):
        _fail_in(where)
    assert open_store(where).sizes() == before


def _fail_in(where: str) -> None:
    with open_folder(where) as folder:
        (folder.here / "new.txt").write_text("new")
        raise WorkError(f"{folder.here}/new.txt: broken")


@pytest.mark.parametrize("where", ["s3"], indirect=True)
def test_a_bucket_that_is_not_there_is_said_before_the_work(where: str) -> None:
    with (
        pytest.raises(UsageError, match="there is no bucket absent; make it first"),
        open_folder("s3://absent/x"),
    ):
        raise AssertionError
