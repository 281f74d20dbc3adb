"""Cookies on the disk: nobody else may read them at any time."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.game import session

STATE = {"cookies": [{"name": "session", "value": "secret"}], "origins": []}


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_readable_by_its_owner_alone_from_the_first_byte_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def spy(file: Any, *arguments: Any) -> Any:
        modes.append(os.fstat(file).st_mode & 0o777)
        return open(file, *arguments)

    monkeypatch.setattr(session, "open", spy, raising=False)
    path = tmp_path / "session.json"
    path.write_text("old")
    path.chmod(0o666)
    session.write_session(path, STATE)
    assert modes == [0o600]
    assert path.stat().st_mode & 0o777 == 0o600
    assert session.read_session(path) == STATE
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_a_damaged_file_means_signing_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "session.json"
    assert session.read_session(path) is None
    path.write_text(text)
    assert session.read_session(path) is None
