import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shards.errors import UsageError
from tests.training.shardmaker import PLACES, encode, picture
from training.deploy.watch import PATIENCE, watch
from training.model.modelfile import TrainedModel, load_model

JPEG = encode(picture(PLACES[1], 900))


@pytest.fixture(scope="module")
def trained(run: Path) -> TrainedModel:
    return load_model(run)


class _Over(Exception):
    pass


def _answers(
    trained: TrainedModel, folder: Path, *steps: Callable[[], object], existing: bool = False
) -> list[dict[str, Any]]:
    """What is answered while one step happens before each look."""
    waiting: Iterator[Callable[[], object]] = iter(steps)

    def sleep(_: float) -> None:
        step = next(waiting, None)
        if step is None:
            raise _Over
        step()

    found: list[dict[str, Any]] = []
    with suppress(_Over):
        found.extend(watch(trained, folder, 2, existing=existing, sleep=sleep))
    return found


def _nothing() -> None:
    pass


def test_what_appears_is_answered_once(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(JPEG)
    new = tmp_path / "new.jpg"
    found = _answers(
        trained,
        tmp_path,
        lambda: new.write_bytes(JPEG),
        lambda: (tmp_path / "notes.txt").write_text("no image"),
        lambda: (tmp_path / ".hidden.jpg").write_bytes(JPEG),
        _nothing,
        lambda: new.rename(tmp_path / "renamed.jpg"),
        _nothing,
        _nothing,
    )
    assert [answer["image"] for answer in found] == [str(new)]
    assert found[0]["countries"][0]["code"] == "DE"


def test_what_is_there_already(trained: TrainedModel, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for age, path in enumerate(paths):
        path.write_bytes(JPEG)
        os.utime(path, (1000 - age, 1000 - age))
    found = _answers(trained, tmp_path, _nothing, _nothing, existing=True)
    assert [answer["image"] for answer in found] == [str(path) for path in reversed(paths)]


def test_half_written_files_are_waited_for(trained: TrainedModel, tmp_path: Path) -> None:
    """First it grows at every look, then it rests half-written, then the rest comes."""
    path = tmp_path / "slow.jpg"

    def write(share: float) -> Callable[[], object]:
        return lambda: path.write_bytes(JPEG[: int(share * len(JPEG))])

    found = _answers(
        trained,
        tmp_path,
        write(0.1), write(0.3), write(0.5),
        _nothing, _nothing,
        write(1), _nothing, _nothing,
    )  # fmt: skip
    assert [answer["image"] for answer in found] == [str(path)]
    assert "error" not in found[0]


def test_what_comes_before_the_first_answer_is_asked_for_is_answered(
    trained: TrainedModel, tmp_path: Path
) -> None:
    found = watch(trained, tmp_path, sleep=lambda _: None)
    (tmp_path / "early.jpg").write_bytes(JPEG)
    assert next(found)["image"] == str(tmp_path / "early.jpg")


def test_a_temporary_name_is_not_an_image(trained: TrainedModel, tmp_path: Path) -> None:
    part, path = tmp_path / "a.jpg.part", tmp_path / "a.jpg"
    found = _answers(
        trained,
        tmp_path,
        lambda: part.write_bytes(JPEG),
        _nothing,
        _nothing,
        lambda: part.rename(path),
        _nothing,
    )
    assert [answer["image"] for answer in found] == [str(path)]


def test_what_stays_broken_is_said_once(trained: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    steps = [_nothing] * (2 * PATIENCE)
    found = _answers(trained, tmp_path, lambda: path.write_bytes(b"\xff\xd8 no"), *steps)
    assert len(found) == 1
    assert str(path) in found[0]["error"]
    found = _answers(trained, tmp_path, lambda: path.write_bytes(JPEG), _nothing)
    assert "error" not in found[0]


def test_files_that_vanish(trained: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert not _answers(trained, tmp_path, lambda: path.write_bytes(JPEG), path.unlink, _nothing)


def test_a_folder_that_is_not_there(trained: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be watched"):
        _answers(trained, tmp_path / "absent")
    folder = tmp_path / "gone"
    folder.mkdir()
    with pytest.raises(UsageError, match="cannot be watched"):
        _answers(trained, folder, folder.rmdir)


@pytest.mark.slow
def test_until_ctrl_c(run: Path, tmp_path: Path) -> None:
    """A real process; its command notes its arguments, which no shell has read."""
    folder, notes = tmp_path / "inbox", tmp_path / "notes.json"
    folder.mkdir()
    script = tmp_path / "note.py"
    script.write_text(
        f"import json, sys; open({str(notes)!r}, 'w').write(json.dumps(sys.argv[1:]))"
    )
    program = "import sys; from lostfound import main; main(sys.argv[1:])"
    command = f"{sys.executable} {script} --to me"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "watch", str(run), str(folder), "--json",
         "--seconds", "0.1", "--notify", command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stderr is not None
    assert child.stdout is not None
    try:
        while "watching" not in child.stderr.readline():
            assert child.poll() is None
        name = "$(touch hacked); `x` -.jpg"
        (folder / name).write_bytes(JPEG)
        answer = json.loads(child.stdout.readline())
        assert answer["countries"][0]["code"] == "DE"
        while not notes.is_file() or not notes.read_text():
            time.sleep(0.02)
        told = json.loads(notes.read_text())
        assert told[:3] == ["--to", "me", name]
        assert told[3].startswith("Germany ")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert json.loads(out) == {"answered": 1, "failed": 0}
    assert err == ""
    assert child.returncode == 0
