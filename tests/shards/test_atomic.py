"""A file is complete or absent."""

from pathlib import Path

import pytest

from shards.atomic import (
    atomic_path,
    dump_json,
    remove_temporaries,
    write_bytes,
    write_json,
)


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "a.json"
    write_bytes(final, b"old")

    def fail_halfway() -> None:
        with atomic_path(final) as temporary:
            temporary.write_bytes(b"half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert final.read_bytes() == b"old"


def test_success_makes_missing_folders_and_keeps_the_extension(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "er" / "a.parquet"
    with atomic_path(final) as temporary:
        assert temporary.suffix == ".parquet"
        assert temporary.parent == final.parent
        temporary.write_bytes(b"new")
        assert not final.exists()
    assert final.read_bytes() == b"new"


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_remove_temporaries_leaves_real_files(tmp_path: Path) -> None:
    (tmp_path / ".tmp-12345678-a.tar").write_bytes(b"x")
    (tmp_path / ".tmp-12345678-spill").mkdir()
    (tmp_path / ".tmp-12345678-spill" / "block").write_bytes(b"x")
    (tmp_path / "a.tar").write_bytes(b"x")
    remove_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_json_is_canonical_and_refuses_nan(tmp_path: Path) -> None:
    assert dump_json({"b": 1, "a": "é"}) == dump_json({"a": "é", "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
