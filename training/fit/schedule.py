"""What changes while a run goes on, as pure functions of where it stands.

A step is one global batch, whatever the number of processes. So nothing here has a state: a run
that is continued, also by another number of processes, goes on with the same values.
"""

import math
from collections.abc import Sequence

from training.data_config import ImageConfig
from training.fit_config import ScheduleConfig, Stage, StepSchedule


def rate_factor(schedule: ScheduleConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Share of the peak learning rate at `step`, counted from 0 over all epochs.

    `cosine` with r warm-up steps of n: (step + 1) / (r + 1), then half of
    1 + cos(π (step - r) / (n - r)). `step`: gamma^⌊epoch / every⌋, which is torch's StepLR.
    """
    if isinstance(schedule, StepSchedule):
        return float(schedule.gamma ** (step // steps_per_epoch // schedule.every))
    steps = epochs * steps_per_epoch
    rising = max(1, round(steps * schedule.warmup)) if schedule.warmup > 0 else 0
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def size_at(
    stages: Sequence[Stage], image: ImageConfig, epoch: int, epochs: int
) -> tuple[int, int]:
    """Width and height of training pictures in `epoch`: of the first stage that still goes on.

    A stage goes on while epoch / epochs < until; after the last one it is the image's own size.
    """
    for stage in stages:
        if epoch < stage.until * epochs:
            return stage.width, stage.height
    return image.width, image.height


def sizes(stages: Sequence[Stage], image: ImageConfig) -> list[tuple[int, int]]:
    """Every size that a run may come to, its final one last."""
    return [*((stage.width, stage.height) for stage in stages), (image.width, image.height)]


def next_stale(stale: int, best: float | None, score: float) -> int:
    """Validations since the last new highest score; a score that is only as high is none."""
    return 0 if best is None or score > best else stale + 1


def is_over(epoch: int, epochs: int, stale: int, patience: int) -> bool:
    """True when all epochs are done, or `patience` validations in a row brought nothing."""
    return epoch >= epochs or (patience > 0 and stale >= patience)
