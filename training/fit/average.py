"""An exponential moving average of a model's weights and statistics."""

import copy

import torch
from torch import Tensor, nn


class Average:
    """Averages the float tensors of a model; the others are copied.

    The decay of update n, counted from 0, is min(decay, (1 + n) / (10 + n)). So the weights before
    training, which the average starts from, need no correction of bias: after n updates below the
    limit they weigh n!·9! / (n + 9)!, a hundred-thousandth after 10.
    """

    def __init__(self, model: nn.Module, decay: float, updates: int = 0) -> None:
        self.decay = decay
        self.updates = updates
        self.model = copy.deepcopy(model)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        averaged: list[Tensor] = []
        current: list[Tensor] = []
        for own, new in zip(_tensors(self.model), _tensors(model), strict=True):
            if own.is_floating_point():
                averaged.append(own)
                current.append(new)
            else:
                own.copy_(new)
        torch._foreach_lerp_(averaged, current, 1 - decay)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
