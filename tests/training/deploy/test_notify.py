import sys
from pathlib import Path

import pytest

from shards.errors import UsageError
from training.deploy.notify import notifiers


def _noting(path: Path, notes: Path) -> Path:
    text = "import sys; open({!r}, 'w').write(repr(sys.argv[1:]))"
    return _script(path, text.format(str(notes)))


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def test_a_command_gets_arguments(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = _script(
        tmp_path / "tell", f"import sys; open({str(notes)!r}, 'w').write(repr(sys.argv[1:]))"
    )
    (notify,) = notifiers(f"'{script}' -x", use_desktop=False)
    assert notify("a; rm -rf $HOME", "b\n`c`") is None
    assert notes.read_text() == repr(["-x", "a; rm -rf $HOME", "b\n`c`"])


def test_a_command_that_fails(tmp_path: Path) -> None:
    (notify,) = notifiers(str(_script(tmp_path / "fail", "raise SystemExit(3)")), use_desktop=False)
    assert notify("a", "b") == f"{tmp_path / 'fail'}: exit code 3"


def test_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="notify-send is not installed"):
        notifiers("", use_desktop=True)
    notes = tmp_path / "notes"
    _script(
        tmp_path / "notify-send", f"import sys; open({str(notes)!r}, 'w').write(repr(sys.argv[1:]))"
    )
    (notify,) = notifiers("", use_desktop=True)
    assert notify("--help", "text") is None
    assert notes.read_text() == repr(["--app-name=lostfound", "--", "--help", "text"])


@pytest.mark.parametrize("line", ["no-such-command-here x", "'open quote", " "])
def test_no_such_command(line: str) -> None:
    with pytest.raises(UsageError, match="--notify"):
        notifiers(line, use_desktop=False)
