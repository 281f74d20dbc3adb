"""What changes while a run goes on, as pure functions of where it stands.

A step is one global batch, whatever the number of processes. So nothing here has a state: a run
that is continued, also by another number of processes, goes on with the same values.
"""

import math

from training.fit_config import ScheduleConfig, StepSchedule


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
