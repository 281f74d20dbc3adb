"""The benchmark runs and reports a ratio; how fast it is says nothing here."""

import json

import pytest

from lostfound import main


def test_bench_enrich(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "enrich", "--images", "3", "--rounds", "1", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert not stop.value.code
    assert {"name", "ours", "baseline", "ratio", "unit", "cpus"} <= set(result)
    assert result["name"] == "enrich"
    assert min(result["ours"], result["baseline"], result["ratio"]) > 0
