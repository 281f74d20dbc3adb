from pathlib import Path

import pytest
import yaml

from shards.errors import UsageError
from training.config import (
    BUNDLED,
    Config,
    config_from,
    config_hash,
    dump_config,
    load_config,
)
from training.fit_config import CosineSchedule, OptimiserConfig, StepSchedule
from training.head_config import (
    AdaptiveCells,
    CoordinatesHead,
    CountryHead,
    RegionHead,
    SemanticCells,
)

STAGE = "{until: %g, width: 99, height: 55}"


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_configurations_are_valid(path: Path) -> None:
    assert load_config(path.stem) == load_config(str(path))


def test_overrides_are_dotted_yaml() -> None:
    config = load_config(
        "demo", ["optimiser.head_lr=1e-2", "heads.region={tau_km: 50}", "augment=null"]
    )
    assert config.optimiser.head_lr == 0.01
    assert config.heads[1] == RegionHead(tau_km=50)
    assert config.augment is None


def test_heads_go_by_name(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("{heads: [country, {kind: region, name: fine, cells: adaptive}], epochs: 1}")
    config = load_config(str(path), ["heads.fine.cells.min_samples=3", "heads.coordinates={}"])
    assert config.heads == (
        CountryHead(),
        RegionHead(name="fine", cells=AdaptiveCells(min_samples=3)),
        CoordinatesHead(),
    )
    path.write_text("epochs: 1")
    found = load_config(str(path), ["heads.region.cells=semantic", "heads.coordinates=null"])
    assert found.heads == (CountryHead(), RegionHead(cells=SemanticCells()))
    only = load_config(str(path), ["heads=[coordinates]", "position=coordinates"])
    assert only.heads == (CoordinatesHead(),)


def test_the_trunk_learns_at_a_tenth() -> None:
    assert OptimiserConfig(head_lr=0.02).trunk_rate() == 0.002
    assert OptimiserConfig(head_lr=0.02, trunk_lr=0).trunk_rate() == 0


def test_a_schedule_by_its_kind() -> None:
    assert load_config("demo").schedule == CosineSchedule(warmup=0.05)
    assert load_config("demo", ["schedule.warmup=0"]).schedule == CosineSchedule(warmup=0)
    assert load_config("demo", ["schedule=step"]).schedule == StepSchedule(every=10, gamma=0.1)
    found = load_config("demo", ["schedule=step", "schedule.every=3"])
    assert found.schedule == StepSchedule(every=3)
    with pytest.raises(UsageError, match=r"warmup; did you mean schedule\.cosine\.warmup"):
        load_config("demo", ["warmup=0"])


def test_the_dump_is_the_whole_configuration() -> None:
    config = load_config("demo", ["seed=3"])
    assert config_from(yaml.safe_load(dump_config(config))) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimiser.head_rl=1", "unknown key optimiser.head_rl; did you mean optimiser.head_lr?"),
        ("epoch=3", "unknown key epoch; did you mean epochs?"),
        ("head_lr=1", "did you mean optimiser.head_lr?"),
        ("zzz=1", "known keys: network, weights"),
        ("epochs=0", "epochs: "),
        ("epochs=many", "epochs: "),
        ("epochs", "key=value"),
        ("epochs=[", "not YAML"),
        ("optimiser=3", "optimiser: "),
        ("optimiser.head_lr=.nan", "optimiser.head_lr: "),
        ("position=region", "there is no head region; heads are country"),
        ("heads=[]", "at least one is needed"),
        ("heads=[country, country]", "two are called country"),
        ("heads=[country, {kind: country, name: other}]", "one of kind country is enough"),
        ("heads=[country, offset]", "offset needs a head of kind region: region"),
        ("heads=[planet]", "heads: no kind planet; there are country, region, coordinates, offset"),
        ("heads.regoin={}", "heads: no kind regoin; did you mean region?"),
        ("heads=[{kind: region, name: a.b}]", "heads.region.name: "),
        ("heads.region.tau=3", "unknown key heads.region.tau; did you mean heads.region.tau_km?"),
        ("heads.region.cells=s2", "heads.region.cells: no kind s2; there are regions, adaptive"),
        ("heads.region.cells={kind: semantic, min_sample: 3}", "semantic.min_samples?"),
        ("heads.region.mode=pigeons", "heads.region.mode: "),
        ("heads=3", "heads: "),
        ("heads.region={mode: pigeon, label_smoothing: 0.1}", "of mode pigeon do not add up to 1"),
        ("patience=3", "best_by=last has no figure to wait for"),
        (f"progressive=[{STAGE % 0.5}, {STAGE % 0.4}]", "`until` must grow from stage to stage"),
        ("progressive=[{until: 0.5, width: 64}]", "progressive.height: Field required"),
        ("schedule={kind: step, warmup: 1}", "schedule.step.warmup"),
        ("schedule=linear", "schedule: no kind linear; there are cosine, step"),
    ],
)
def test_wrong_overrides_are_one_line(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("demo", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_names_the_bundled_ones() -> None:
    with pytest.raises(
        UsageError, match=r"nope: no such configuration file; .*baseline, best, demo, report/"
    ):
        load_config("nope")


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "\x00"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"c\.yaml"):
        load_config(str(path))


def test_the_hash_is_of_what_is_trained() -> None:
    base = Config()
    assert config_hash(base, "a") == config_hash(load_config_with("job.workers=7"), "a")
    assert config_hash(base, "a") != config_hash(load_config_with("seed=1"), "a")
    assert config_hash(base, "a") != config_hash(base, "b")


def load_config_with(override: str) -> Config:
    key, _, value = override.partition("=")
    parent, _, last = key.rpartition(".")
    values = {last: int(value)}
    return Config.model_validate({parent: values} if parent else values)
