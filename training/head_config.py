"""The heads of a network, as a configuration lists them, and the cells that they choose among."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
HeadName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Mode = Literal["softmax", "pigeon", "report", "cartesian"]


class Section(BaseModel):
    """A part of the configuration: no unknown keys, no later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _named(value: Any) -> Any:
    """`country` is short for `{kind: country}`."""
    return {"kind": value} if isinstance(value, str) else value


class RegionCells(Section):
    """The regions (admin-1) in which the training split has photographs."""

    kind: Literal["regions"] = "regions"


class AdaptiveCells(Section):
    """Squares of a quadtree on the sphere, small where photographs are many (PlaNet)."""

    kind: Literal["adaptive"] = "adaptive"
    max_samples: int = Field(default=500, ge=1)
    """A square with more photographs is cut into four."""
    min_samples: int = Field(default=20, ge=1)
    """A square with fewer is no cell; its photographs belong to the nearest one."""
    max_level: int = Field(default=12, ge=1, le=20)
    """A face of the cube is level 0; squares of level 12 have sides of some 2 km."""


class SemanticCells(Section):
    """Regions, merged with their neighbours in the country until each has enough (PIGEON)."""

    kind: Literal["semantic"] = "semantic"
    min_samples: int = Field(default=30, ge=1)


CellsConfig = Annotated[
    RegionCells | AdaptiveCells | SemanticCells,
    Field(discriminator="kind"),
]


class CountryHead(Section):
    """Softmax over countries, cross-entropy."""

    kind: Literal["country"] = "country"
    name: HeadName = "country"
    weight: NonNegative = 1.0
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)


class RegionHead(Section):
    """Softmax over cells; the target falls off with the distance to each cell's midpoint."""

    kind: Literal["region"] = "region"
    name: HeadName = "region"
    weight: NonNegative = 1.0
    cells: Annotated[CellsConfig, BeforeValidator(_named)] = RegionCells()
    tau_km: Positive = 75.0
    mode: Mode = "softmax"
    """The target's formula, see `training.model.losses.cell_targets`."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that goes to all cells alike, however far they are; of `softmax` only."""

    @model_validator(mode="after")
    def _smoothing_fits(self) -> "RegionHead":
        if self.label_smoothing and self.mode != "softmax":
            raise ValueError(f"label_smoothing: the targets of mode {self.mode} do not add up to 1")
        return self


class CoordinatesHead(Section):
    """A unit vector, loss 1 - cos(angle to the true position)."""

    kind: Literal["coordinates"] = "coordinates"
    name: HeadName = "coordinates"
    weight: NonNegative = 1.0
    kilometres: bool = False
    """A defect of the original, for its reproduction: the head learns Cartesian kilometres, and its
    loss is their mean squared error."""


class OffsetHead(Section):
    """Where in each cell: two numbers per cell, trained for the true one (OSV-5M's hybrid)."""

    kind: Literal["offset"] = "offset"
    name: HeadName = "offset"
    weight: NonNegative = 1.0
    cells_of: HeadName = "region"
    """The region head whose cells they are."""


HeadConfig = Annotated[
    Annotated[CountryHead | RegionHead | CoordinatesHead | OffsetHead, Field(discriminator="kind")],
    BeforeValidator(_named),
]


def check_heads(heads: tuple[HeadConfig, ...], position: str) -> None:
    """Raises ValueError with one line for a list of heads that cannot stand on one trunk."""
    names = [head.name for head in heads]
    if not names:
        raise ValueError("heads: at least one is needed")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"heads: two are called {twice}; give one another name")
    if sum(head.kind == "country" for head in heads) > 1:
        raise ValueError("heads: one of kind country is enough")
    for head in heads:
        if head.kind == "offset" and not _is_region(heads, head.cells_of):
            raise ValueError(f"heads: {head.name} needs a head of kind region: {head.cells_of}")
    if position not in names:
        raise ValueError(f"position: there is no head {position}; heads are {', '.join(names)}")


def _is_region(heads: tuple[HeadConfig, ...], name: str) -> bool:
    return any(head.kind == "region" and head.name == name for head in heads)
