"""The benchmark of the report measures what it says."""

import json

import pytest

from lostfound import main


def test_the_benchmark_on_few_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "report", "--rows", "2000", "--rounds", "1", "--json"])
    assert not stop.value.code
    result = json.loads(capsys.readouterr().out)
    assert result["name"] == "report"
    assert result["unit"] == "rows/s opened"
    assert result["ratio"] == pytest.approx(result["ours"] / result["baseline"], rel=0.02)
    assert result["zoom_ms"] > 0
    assert 0 < result["baseline_bytes"] < result["bytes"]
