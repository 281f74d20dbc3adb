"""The training configuration: a YAML file plus `key=value` overrides, typed and validated."""

import difflib
import hashlib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from shards.errors import UsageError
from shards.remote import is_address, open_remote
from training.data_config import AugmentConfig, Balance, DataConfig, ImageConfig
from training.fit_config import (
    CosineSchedule,
    OptimiserConfig,
    ScheduleConfig,
    Stage,
    check_stages,
)
from training.head_config import (
    CoordinatesHead,
    CountryHead,
    HeadConfig,
    NonNegative,
    Section,
    check_heads,
)
from training.job_config import REPORT_GRID, Grid, JobConfig, TrackConfig
from training.overrides import apply_override

BUNDLED = Path(__file__).parent / "configs"
NOT_IDENTITY = {"job", "data", "track", "sweep"}
"""Sections that do not change what a run learns."""
_DEFAULT_HEADS: list[Any] = ["country", "coordinates"]


class Config(Section):
    network: str = "efficientnet_b1"
    """A classification network of torchvision by its name there, or `timm:` and timm's name."""
    weights: str = "imagenet"
    """`imagenet`: torchvision's default weights; `auto`: the same, or none for a network without;
    `none`; or the path of a file of this network's weights: a model of ours whose trunk is taken,
    or a state dictionary as torchvision and timm publish it."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    image: ImageConfig = ImageConfig()
    heads: tuple[HeadConfig, ...] = (CountryHead(), CoordinatesHead())
    """Any of country, region, coordinates, offset, each with a name of its own; see
    `training.head_config`."""
    position: str = "country"
    """Name of the head whose answer becomes the position; see `training.model.decode`."""
    decode: Literal["expected", "argmax"] = "expected"
    """Of classes, the place of the highest expected GeoScore, or that of the likeliest class."""
    hierarchy: Literal["condition", "product"] = "condition"
    """How a country and a region head agree; see `training.model.decode`."""
    augment: AugmentConfig | None = AugmentConfig()
    """`null` trains on the centre crop alone."""
    balance: Balance = "none"
    """What share of an epoch a country has: in proportion to its samples (`none`), to their root
    (`sqrt`), or all the same (`class`). Those of small countries are then shown several times, each
    time changed in another way."""
    shuffle_shards: int = Field(default=0, ge=0)
    """Shards that are shuffled together; 0: all. With some, an epoch reads one group of shards
    after the other, which is for remote shards of which the local cache holds only a part."""
    batch_size: int = Field(default=64, ge=1)
    """Samples per step over all workers together."""
    epochs: int = Field(default=20, ge=1)
    schedule: ScheduleConfig = CosineSchedule()
    """Of the learning rate; see `training.fit_config`."""
    optimiser: OptimiserConfig = OptimiserConfig()
    dropout: float = Field(default=0.2, ge=0, lt=1)
    kaiming_heads: bool = False
    """A defect of the original, for its reproduction: heads start with weights as large as those of
    hidden layers (`kaiming_normal_`, fan out), so the first answers are wild guesses."""
    half_normalisation: bool = False
    """A defect of the original, for its reproduction: pixels are centred on 0.5 and divided by 0.5,
    whatever the network's weights were trained with."""
    norm_momentum: float | None = Field(default=None, gt=0, le=1)
    """Momentum of batch-norm statistics; `null` keeps the network's own."""
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the averaged weights that are validated and deployed; 0 deploys the raw ones."""
    mixup: NonNegative = 0.0
    """Alpha of mixup's Beta distribution, 0.2 for example; 0 mixes nothing."""
    progressive: tuple[Stage, ...] = ()
    """Sizes of training pictures before the image's own, as `{until: 0.5, width: 160, height: 90}`.
    Validation is always at the image's own size."""
    accumulate: int = Field(default=1, ge=1)
    """Passes that a step's samples are spread over, to need less memory. The gradient is the same
    but for the statistics of batch norm, which are of one pass."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` computes in mixed precision; weights stay in float32."""
    channels_last: bool = False
    """Keep weights in the memory order that convolutions are quickest in."""
    compile: bool = False
    """Compile the network for training: minutes at the start, then quicker steps on a GPU."""
    validate_every: int = Field(default=1, ge=1)
    """Epochs between validations; the last epoch is always validated."""
    best_by: Literal["loss", "top1", "geoscore", "last"] = "geoscore"
    """The validation figure that decides which weights are deployed."""
    patience: int = Field(default=0, ge=0)
    """Validations in a row without a new best figure after which the run is complete; 0 trains
    all epochs."""
    data: DataConfig = DataConfig()
    job: JobConfig = JobConfig()
    track: TrackConfig = TrackConfig()
    sweep: Grid = REPORT_GRID
    """Values to try by dotted key, for `sweep`, which trains every combination."""

    @model_validator(mode="after")
    def _heads_stand_together(self) -> "Config":
        check_heads(self.heads, self.position)
        return self

    @model_validator(mode="after")
    def _epochs_stand_together(self) -> "Config":
        check_stages(self.progressive)
        if self.patience and self.best_by == "last":
            raise ValueError("patience: best_by=last has no figure to wait for; choose another one")
        return self


def load_config(name: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file, here or at an address, or the bundled configuration of that name, and
    applies `key=value`s.

    Raises UsageError with one line for a missing file, an unknown key or a value that does not fit.
    """
    path = name if is_address(name) else _find(name)
    try:
        values = yaml.safe_load(_bytes_of(path).decode("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not a readable YAML file ({error})") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `key: value` lines")
    for override in overrides:
        apply_override(values, override, {"heads": _DEFAULT_HEADS})
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from None


def dump_config(config: Config) -> str:
    """The whole configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def config_hash(config: Config, data_sha256: str) -> str:
    """16 hexadecimal digits: the identity of training this configuration on this data."""
    identity = {
        "config": config.model_dump(mode="json", exclude=NOT_IDENTITY),
        "data": data_sha256,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bytes_of(path: str | Path) -> bytes:
    if isinstance(path, Path):
        return path.read_bytes()
    folder, _, name = path.rpartition("/")
    remote = open_remote(folder)
    if not remote.exists(name):
        raise UsageError(f"{path}: no such configuration file")
    return remote.read(name)


def _find(name: str) -> Path:
    if (path := Path(name)).is_file():
        return path
    bundled = {
        path.relative_to(BUNDLED).with_suffix("").as_posix(): path
        for path in BUNDLED.rglob("*.yaml")
    }
    if name in bundled:
        return bundled[name]
    names = ", ".join(sorted(bundled))
    raise UsageError(f"{name}: no such configuration file; bundled ones are {names}")


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    # The number of an element says less than its kind, which follows it.
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    if first["type"] == "union_tag_invalid":
        return _no_such_kind(key, first["ctx"])
    if first["type"] != "extra_forbidden":
        return f"{key}: {first['msg']}" if key else first["msg"].removeprefix("Value error, ")
    names = list(_key_names(Config))
    same_end = [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = same_end or difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known keys: {', '.join(names)}"
    return f"unknown key {key}; {hint}"


def _no_such_kind(key: str, context: Mapping[str, Any]) -> str:
    kinds = re.findall(r"'(\w+)'", context["expected_tags"])
    nearest = difflib.get_close_matches(context["tag"], kinds, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(kinds)}"
    return f"{key}: no kind {context['tag']}; {hint}"


def _key_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield prefix + name
        for kind, part in _sections(field.annotation):
            yield from _key_names(part, f"{prefix}{name}.{kind}")


def _sections(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections that a field can hold, with the kind of each where there are several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        yield (f"{kind.default}." if kind else "", annotation)
    for part in typing.get_args(annotation):
        yield from _sections(part)


def config_from(values: Mapping[str, Any]) -> Config:
    """The configuration that `model_dump` wrote."""
    return Config.model_validate(values)
