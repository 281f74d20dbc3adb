"""One process among those that train together, and sums over all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Process:
    """Rank 0 of 1 is training without a process group."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = CPU

    @property
    def is_first(self) -> bool:
        """The one that writes files."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, in each of them; of the same shape in all."""
        if self.world_size == 1:
            return values
        total = values.to(self.device, copy=True)
        dist.all_reduce(total)
        return total.to(values.device)

    def share(self, values: Sequence[Tensor]) -> None:
        """Overwrites `values` with the first process's; of equal shapes and one type in all."""
        self._in_one_message(values, lambda message: dist.broadcast(message, src=0))

    def add_up(self, values: Sequence[Tensor]) -> None:
        """Overwrites each of `values` with its sum over all processes."""
        self._in_one_message(values, dist.all_reduce)

    def _in_one_message(
        self, values: Sequence[Tensor], exchange: Callable[[Tensor], object]
    ) -> None:
        if self.world_size == 1 or not values:
            return
        message = torch.cat([value.detach().flatten() for value in values])
        exchange(message)
        parts = torch.split(message, [value.numel() for value in values])
        for value, part in zip(values, parts, strict=True):
            value.detach().copy_(part.view_as(value))


def local_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
