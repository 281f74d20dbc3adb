"""What to do when a step needs more memory than there is: find out by trial what fits."""

from collections.abc import Callable

import torch

from training.fit.inputs import LEAST_SAMPLES

_CPU_ALLOCATOR = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """True for what the allocators of GPU and CPU raise."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _CPU_ALLOCATOR)


def largest_that_fits(attempt: Callable[[int], None], samples: int) -> int | None:
    """Of samples/2, samples/4 … the first with which `attempt` does not run out of memory.

    None when not even two samples fit.
    """
    while (samples := samples // 2) >= LEAST_SAMPLES:
        try:
            attempt(samples)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return samples
        # Only now: inside `except` the error's traceback still holds the tensors.
        torch.cuda.empty_cache()
    return None


def memory_advice(attempt: Callable[[int], None], samples: int, passes: int, processes: int) -> str:
    """What to change when a process's `samples` in so many passes did not fit; finds out by trial.

    `attempt`: one pass with so many samples.
    """
    at_once = -(-samples // passes)
    fits = largest_that_fits(attempt, at_once)
    start = f"{at_once} samples at once do not fit"
    if fits is None:
        return f"{start}, nor do {LEAST_SAMPLES}; choose smaller images or a smaller network"
    advice = f"{start}, {fits} do (tried); set batch_size={fits * processes}"
    needed = -(-samples // fits)
    if samples // needed < LEAST_SAMPLES:
        return advice
    return f"{advice}, or keep it and set accumulate={needed}"
