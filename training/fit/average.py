"""An exponential moving average of a model's weights and statistics."""

import copy

import torch
from torch import nn


class Average:
    """Averages the float tensors of a model's state; the others are copied.

    The decay grows as (1 + n) / (10 + n) up to its limit, so the first steps do not weigh for ever.
    """

    def __init__(self, model: nn.Module, decay: float, updates: int = 0) -> None:
        self.decay = decay
        self.updates = updates
        self.model = copy.deepcopy(model)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        own = self.model.state_dict()
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                own[name].lerp_(value, 1 - decay)
            else:
                own[name].copy_(value)
