"""How a network is fitted: the optimiser, and what changes over the epochs."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from training.head_config import NonNegative, Section

Share = Annotated[float, Field(ge=0, le=1)]


class OptimiserConfig(Section):
    """AdamW; norms and biases are not decayed."""

    head_lr: NonNegative = 3e-3
    trunk_lr: NonNegative | None = None
    """`null`: a tenth of head_lr."""
    weight_decay: NonNegative = 0.05
    clip_norm: NonNegative = 5.0
    """Largest norm of the whole gradient; 0 does not clip."""
    decay_everything: bool = False
    """A defect of the original, for its reproduction: norms and biases are decayed, too."""

    def trunk_rate(self) -> float:
        return self.head_lr / 10 if self.trunk_lr is None else self.trunk_lr


class CosineSchedule(Section):
    """The learning rate rises linearly, then follows a cosine to 0."""

    kind: Literal["cosine"] = "cosine"
    warmup: Share = 0.05
    """Share of all steps in which it rises."""


class StepSchedule(Section):
    """The learning rate is multiplied by `gamma` every so many epochs, as the report has it."""

    kind: Literal["step"] = "step"
    every: int = Field(default=10, ge=1)
    """Epochs."""
    gamma: float = Field(default=0.1, gt=0, le=1)


def _with_kind(value: Any) -> Any:
    """`step` is short for `{kind: step}`, and what names no kind is a cosine."""
    if isinstance(value, str):
        return {"kind": value}
    return {"kind": "cosine", **value} if isinstance(value, dict) else value


ScheduleConfig = Annotated[
    Annotated[CosineSchedule | StepSchedule, Field(discriminator="kind")],
    BeforeValidator(_with_kind),
]


class Stage(Section):
    """Smaller pictures in the first epochs, which are quicker."""

    until: float = Field(gt=0, lt=1)
    """Share of all epochs at which this size ends."""
    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)


def check_stages(stages: tuple[Stage, ...]) -> None:
    """Raises ValueError with one line for stages that do not follow each other."""
    ends = [stage.until for stage in stages]
    if ends != sorted(set(ends)):
        raise ValueError("progressive: `until` must grow from stage to stage")
