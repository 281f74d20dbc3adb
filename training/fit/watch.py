"""Losses on their way past: kept on the device, looked at now and then, and refused unless finite.

A look makes the host wait for the device, so there is one per so many steps. All that a look needs
was kept since the last one; therefore it can name the very step and the samples that failed.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from training.data.plan import share
from training.process import Process

NAMED = 3
"""Samples that an error names."""


class LossWatch:
    """Losses per sample, and the gradient's norm, of the steps since the last look."""

    def __init__(self, heads: Sequence[str], batch_size: int, process: Process) -> None:
        """`batch_size`: over all processes."""
        self._heads, self._batch_size, self._process = tuple(heads), batch_size, process
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []

    def add(self, losses: Mapping[str, Tensor], norm: Tensor) -> None:
        """One step: (samples,) losses of this process by head, and the norm over all of them."""
        self._losses.append(torch.stack([losses[name].detach() for name in self._heads]))
        self._norms.append(norm.detach())

    def look(self) -> "Look":
        """What was added since the last look, over all processes; the same in each of them."""
        steps, process = len(self._losses), self._process
        mine = share(self._batch_size, process.world_size, process.rank)
        own = torch.stack(self._losses).double()
        table = own.new_zeros(steps, len(self._heads), self._batch_size)
        table[:, :, mine] = own
        norms = torch.stack(self._norms)
        self._losses, self._norms = [], []
        return Look(self._heads, process.sum(table).cpu(), norms.cpu())


class Look:
    """The losses of some consecutive steps, on the host."""

    def __init__(self, heads: Sequence[str], losses: Tensor, norms: Tensor) -> None:
        """`losses`: (steps, heads, batch) in the order of the global batch. `norms`: (steps,)."""
        self._heads, self._losses, self._norms = heads, losses, norms

    @property
    def steps(self) -> int:
        return len(self._losses)

    @property
    def gradient_norm(self) -> float:
        """Mean over the steps, before clipping."""
        return float(self._norms.double().mean())

    def sums(self) -> dict[str, float]:
        """Of each head's losses."""
        return dict(zip(self._heads, self._losses.sum(dim=(0, 2)).tolist(), strict=True))

    def failure(self, keys: Callable[[int], Sequence[str]]) -> tuple[int, str] | None:
        """The first of these steps that was not finite, from 0, and what was not.

        `keys`: of the samples of a step, in the order of the global batch.
        """
        for step, (losses, norm) in enumerate(zip(self._losses, self._norms, strict=True)):
            for head, row in zip(self._heads, losses, strict=True):
                if not math.isfinite(total := float(row.sum())):
                    return step, f"the {head} loss is {total}{_named(row, keys(step))}"
            if not math.isfinite(norm):
                worst = _named(losses.sum(dim=0), keys(step))
                return step, f"the gradient is {float(norm)}{worst}"
        return None


def _named(losses: Tensor, keys: Sequence[str]) -> str:
    """The samples that failed, or those with the largest loss where none did itself."""
    failed = (~losses.isfinite()).nonzero().flatten().tolist()
    if len(failed) == len(keys):
        return " for all samples"
    if failed:
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        return f" for {', '.join(keys[place] for place in failed[:NAMED])}{more}"
    order = losses.argsort(descending=True, stable=True).tolist()
    return f" (largest loss: {', '.join(keys[place] for place in order[:NAMED])})"


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """True when every number is finite. One wait for the device."""
    floats = [t.detach() for t in tensors if t.is_floating_point() and t.numel()]
    return not floats or bool(
        torch.stack(torch._foreach_norm(floats, ord=math.inf)).isfinite().all()
    )
