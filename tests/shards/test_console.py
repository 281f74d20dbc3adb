"""Progress where no terminal shows it: lines now and then, with what each node did."""

import pytest

from shards.console import PROGRESS_VARIABLE, Done, print_summary, progress


def test_silent_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PROGRESS_VARIABLE, raising=False)
    with progress("enrich", 3) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_lines_in_the_log_of_a_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRESS_VARIABLE, "0")
    with progress("enrich", 1200) as advance:
        advance(node="a")
        advance(2, node="b")
        advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "enrich: 1 of 1,200",
        "enrich: 3 of 1,200 (b 2, a 1)",
        "enrich: 4 of 1,200 (b 2, a 1)",
    ]


def test_a_long_path_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/".join(f"folder-{number}" for number in range(20))
    print_summary("done", {"page": path}, as_json=False)
    shown = capsys.readouterr().out
    assert "".join(line.split("│")[-2].strip() for line in shown.splitlines()[2:-1]) == path


def test_many_nodes_stay_one_line() -> None:
    done = Done("images", None)
    for number in range(12):
        done.add(12 - number, f"node-{number:02}")
    assert done.line().startswith("images: 78 (node-00 12, node-01 11, ")
    assert done.line().endswith("node-07 5, 4 more nodes)")
