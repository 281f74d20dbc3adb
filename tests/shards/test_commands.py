"""The commands: exit codes, one line for an error, JSON for machines."""

import json
from pathlib import Path

import pytest

from lostfound import main
from shards.commands import parse_size
from shards.errors import UsageError
from tests.shards.datasets import make_dataset


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def test_build_and_verify(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    layout = make_dataset(tmp_path / "data", 20)
    options = ("--selection", "main", "--workers", "1", "--json")
    assert run("build", layout.root, *options) == 0
    assert json.loads(capfd.readouterr().out)["splits"] == {"test": 2, "train": 14, "validation": 4}
    assert run("verify", layout.shards("main"), "--json") == 0
    assert json.loads(capfd.readouterr().out)["defects"] == []
    (layout.shards("main") / "data" / "test-000000.tar").unlink()
    assert run("verify", layout.shards("main")) == 1
    assert capfd.readouterr().out.splitlines()[0] == "data/test-000000.tar: missing"
    assert run("verify", layout.shards("main"), "--json") == 1
    assert json.loads(capfd.readouterr().out)["defects"] == ["data/test-000000.tar: missing"]


def test_errors_are_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    layout = make_dataset(tmp_path / "data", 5)
    for words, code in (
        (("verify", tmp_path / "none"), 2),
        (("verify", tmp_path / "data"), 1),
        (("build", tmp_path / "none", "--selection", "main"), 2),
        (("build", layout.root, "--selection", "other"), 2),
        (("build", layout.root, "--selection", "main", "--shard-size", "big"), 2),
        (("build", layout.root), 2),
    ):
        assert run(*words) == code, words
        captured = capfd.readouterr()
        assert len(captured.err.splitlines()) == (code == 2), captured.err


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("64MiB", 64 << 20), ("1.5 gb", 1_500_000_000), ("4096", 4096)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1TBs", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="like 512MB"):
        parse_size(text)
