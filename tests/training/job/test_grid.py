"""What a sweep tries, and how trials are ranked."""

from pathlib import Path

import pytest

from shards.errors import UsageError
from training.fit.rundir import RunDirectory
from training.job.grid import as_csv, make_trials, outcome, parse_grid, ranked, scored_rows


def test_the_default_grid_is_the_reports() -> None:
    trials = make_trials("demo", ["best_by=loss"], [])
    pairs = {(t.config.optimiser.head_lr, t.config.optimiser.weight_decay) for t in trials}
    rates, decays = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5), (0.0, 1e-1, 1e-2, 1e-3)
    assert len(trials) == 20
    assert pairs == {(rate, decay) for rate in rates for decay in decays}


def test_a_grid_of_the_command_line() -> None:
    trials = make_trials("demo", ["best_by=top1", "seed=7"], ["epochs=1,2", "network=resnet18"])
    assert [t.values for t in trials] == [
        {"epochs": 1, "network": "resnet18"},
        {"epochs": 2, "network": "resnet18"},
    ]
    assert [(t.config.epochs, t.config.seed) for t in trials] == [(1, 7), (2, 7)]


def test_a_grid_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "best_by: loss\nsweep:\n  mixup: [0, 0.2]\n  heads.country.label_smoothing: [0.1]\n"
    )
    trials = make_trials(str(path), [], [])
    assert [t.config.mixup for t in trials] == [0, 0.2]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["epochs"], "write key=v1,v2"),
        (["epochs="], "write key=v1,v2"),
        (["epochs=[1"], "write key=v1,v2"),
        (["epoch=1,2"], "did you mean epochs"),
        (["epochs=0"], "epochs"),
    ],
)
def test_what_is_no_grid(grid: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_trials("demo", ["best_by=loss"], grid)


def test_trials_need_a_figure_to_be_ranked_by() -> None:
    with pytest.raises(UsageError, match="best_by=last cannot rank"):
        make_trials("demo", ["best_by=last"], [])


def test_values_are_yaml() -> None:
    assert parse_grid(["a.b=1,x,null,[1, 2]"]) == {"a.b": (1, "x", None, [1, 2])}


def test_ranked_by_status_then_score() -> None:
    rows = [
        {"run": "a", "status": "failed", "score": None},
        {"run": "b", "status": "stopped", "score": 9.0},
        {"run": "c", "status": "complete", "score": 1.0},
        {"run": "d", "status": "complete", "score": 2.0},
    ]
    assert [row["run"] for row in ranked(rows)] == ["d", "c", "b", "a"]
    assert as_csv([{"run": "a", "x": 1}, {"run": "b", "error": "e,f"}]) == (
        'run,x,error\na,1,\nb,,"e,f"\n'
    )


def test_the_last_epoch_is_not_a_reason_to_stop() -> None:
    (trial,) = make_trials("demo", ["best_by=loss"], ["epochs=3"])
    rows = [{"epoch": epoch, "validation": {"loss": 1.0 + epoch}} for epoch in range(3)]
    assert list(scored_rows(trial.config, rows)) == [(1, -1.0), (2, -2.0)]


def test_a_run_that_never_began(tmp_path: Path) -> None:
    (trial,) = make_trials("demo", ["best_by=loss"], ["epochs=3"])
    found = outcome(trial, RunDirectory(tmp_path / "0"), "it broke")
    assert (found["status"], found["epochs"], found["score"]) == ("failed", 0, None)
    assert found["error"] == "it broke"
