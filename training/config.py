"""The training configuration: a YAML file plus `key=value` overrides, typed and validated."""

import difflib
import hashlib
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shards.errors import UsageError

BUNDLED = Path(__file__).parent / "configs"

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageConfig(_Section):
    """What the network sees, in pixels."""

    width: int = Field(default=320, ge=16, le=4096)
    height: int = Field(default=180, ge=16, le=4096)


class AugmentConfig(_Section):
    """Random changes of training images. No mirror image: it swaps sides of the road and text."""

    min_area: float = Field(default=0.5, gt=0, le=1)
    """Smallest share of the frame's area that a crop keeps."""
    aspect: float = Field(default=1.2, ge=1, le=4)
    """A crop's aspect ratio differs from the network's by at most this factor."""
    rotation_degrees: float = Field(default=3.0, ge=0, le=45)
    brightness: Share = 0.2
    contrast: Share = 0.2
    saturation: Share = 0.2


class CountryHead(_Section):
    """Softmax over countries, cross-entropy."""

    weight: NonNegative = 1.0
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)


class RegionHead(_Section):
    """Softmax over regions; the target is softmax(-distance to each midpoint / tau)."""

    weight: NonNegative = 1.0
    tau_km: Positive = 75.0


class CoordinatesHead(_Section):
    """A unit vector, loss 1 - cos(angle to the true position)."""

    weight: NonNegative = 1.0


class HeadsConfig(_Section):
    """`null` leaves a head out."""

    country: CountryHead | None = CountryHead()
    region: RegionHead | None = None
    coordinates: CoordinatesHead | None = CoordinatesHead()

    def names(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]


class OptimiserConfig(_Section):
    """AdamW; norms and biases are not decayed."""

    trunk_lr: NonNegative = 3e-4
    head_lr: NonNegative = 3e-3
    weight_decay: NonNegative = 0.05
    clip_norm: NonNegative = 5.0
    """Largest norm of the whole gradient; 0 does not clip."""


class JobConfig(_Section):
    """How the work is spread; not part of a run's identity, so it may go on with other values."""

    workers: int = Field(default=2, ge=0)
    """Ray Train workers; 0 trains in this process, without Ray."""
    cpus_per_worker: int = Field(default=1, ge=1)
    loader_threads: int = Field(default=1, ge=1, le=64)
    """Threads per worker that read and decode images."""
    checkpoint_seconds: NonNegative = 60.0
    """A run that is killed loses this much work, and a few steps."""
    max_failures: int = Field(default=2, ge=0)
    """Restarts from the last checkpoint after a worker died."""


class Config(_Section):
    network: str = "efficientnet_b1"
    """A classification network of torchvision, by its name there."""
    weights: str = "imagenet"
    """`imagenet`: torchvision's default weights; `auto`: the same, or none for a network without;
    `none`; or the path of a model file of ours whose trunk is taken."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    image: ImageConfig = ImageConfig()
    heads: HeadsConfig = HeadsConfig()
    position: Literal["country", "region", "coordinates"] = "country"
    """Which head's answer becomes the predicted position; see `training.decode`."""
    augment: AugmentConfig | None = AugmentConfig()
    """`null` trains on the centre crop alone."""
    batch_size: int = Field(default=64, ge=1)
    """Samples per step over all workers together."""
    epochs: int = Field(default=20, ge=1)
    warmup: Share = 0.05
    """Share of all steps in which the learning rate rises; then it follows a cosine to 0."""
    optimiser: OptimiserConfig = OptimiserConfig()
    dropout: float = Field(default=0.2, ge=0, lt=1)
    norm_momentum: float | None = Field(default=None, gt=0, le=1)
    """Momentum of batch-norm statistics; `null` keeps the network's own."""
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the averaged weights that are validated and deployed; 0 deploys the raw ones."""
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = Field(default=1, ge=1)
    """Epochs between validations; the last epoch is always validated."""
    best_by: Literal["loss", "top1", "geoscore", "last"] = "geoscore"
    """The validation figure that decides which weights are deployed."""
    job: JobConfig = JobConfig()

    @model_validator(mode="after")
    def _position_has_a_head(self) -> "Config":
        if not self.heads.names():
            raise ValueError("heads: at least one is needed")
        if self.heads.country is None and self.heads.region is None:
            raise ValueError("heads: country or region is needed to predict countries")
        has_country = self.heads.country or self.heads.region
        found = has_country if self.position == "country" else getattr(self.heads, self.position)
        if found is None:
            raise ValueError(f"position: {self.position} needs heads.{self.position}")
        return self


def load_config(name: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file, or the bundled configuration of that name, and applies `key=value`s.

    Raises UsageError with one line for a missing file, an unknown key or a value that does not fit.
    """
    path = _find(name)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not a readable YAML file ({error})") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `key: value` lines")
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from None


def dump_config(config: Config) -> str:
    """The whole configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def config_hash(config: Config, data_sha256: str) -> str:
    """16 hexadecimal digits: the identity of training this configuration on this data."""
    identity = {"config": config.model_dump(mode="json", exclude={"job"}), "data": data_sha256}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _find(name: str) -> Path:
    if (path := Path(name)).is_file():
        return path
    if (bundled := BUNDLED / f"{name}.yaml").is_file() and "/" not in name:
        return bundled
    names = ", ".join(sorted(p.stem for p in BUNDLED.glob("*.yaml")))
    raise UsageError(f"{name}: no such configuration file; bundled ones are {names}")


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"{override!r}: write overrides as key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"{override!r}: the value is not YAML; quote it") from None
    *parents, last = key.split(".")
    section = values
    for parent in parents:
        if not isinstance(section.get(parent), dict):
            section[parent] = {}
        section = section[parent]
    section[last] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        return f"{key}: {first['msg']}" if key else first["msg"].removeprefix("Value error, ")
    names = list(_key_names(Config))
    same_end = [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = same_end or difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known keys: {', '.join(names)}"
    return f"unknown key {key}; {hint}"


def _key_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield prefix + name
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _key_names(part, f"{prefix}{name}.")


def config_from(values: Mapping[str, Any]) -> Config:
    """The configuration that `model_dump` wrote."""
    return Config.model_validate(values)
