from pathlib import Path

import pytest
import yaml

from shards.errors import UsageError
from training.config import BUNDLED, Config, config_from, config_hash, dump_config, load_config


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_configurations_are_valid(path: Path) -> None:
    assert load_config(path.stem) == load_config(str(path))


def test_overrides_are_dotted_yaml() -> None:
    config = load_config(
        "demo", ["optimiser.head_lr=1e-2", "heads.region={tau_km: 50}", "augment=null"]
    )
    assert config.optimiser.head_lr == 0.01
    assert config.heads.region is not None
    assert config.heads.region.tau_km == 50
    assert config.augment is None


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
        ("position=region", "position: region needs heads.region"),
        ("heads={country: null, coordinates: {}}", "country or region is needed"),
    ],
)
def test_wrong_overrides_are_one_line(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("demo", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_names_the_bundled_ones() -> None:
    with pytest.raises(UsageError, match=r"nope: no such configuration file; .*baseline, demo"):
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
