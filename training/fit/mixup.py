"""Mixup (Zhang et al. 2018): two photographs in one picture, and the losses of both.

Each photograph is mixed with another of the same pass: the first with the last, the second with
the last but one. The share of the nearer one is drawn from (seed, step), so it is the same in every
process and after a restart.

Heads of classes learn both answers, in the shares of the pixels. For a head that says one place, a
mean of two places would be a place of neither. It learns where the stronger photograph was taken,
by how much it is stronger: 2·share - 1 times its loss, which is nothing when both are equal.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from training.model.heads import Heads, Targets

_STREAM = 0x6D6978
"""Keeps these numbers apart from others that are drawn from (seed, step)."""
_OF_CLASSES = ("country", "region")


def draw_share(alpha: float, seed: int, step: int) -> float:
    """The stronger photograph's share, in [1/2, 1]: max(x, 1 - x) for x of Beta(alpha, alpha)."""
    drawn = float(np.random.default_rng([seed, step, _STREAM]).beta(alpha, alpha))
    return max(drawn, 1 - drawn)


def mix_images(images: Tensor, share: float) -> Tensor:
    """(batch, height, width, 3) float32 of uint8 pixels."""
    pixels = images.float()
    return torch.lerp(pixels.flip(0), pixels, share)


def mixed_losses(
    heads: Heads, outputs: Mapping[str, Tensor], targets: Targets, share: float
) -> dict[str, Tensor]:
    """(batch,) unweighted losses by head, of outputs for `mix_images` of the same share."""
    own = heads(outputs, targets)
    other = heads(outputs, {name: rows.flip(0) for name, rows in targets.items()})
    return {
        head.name: share * own[head.name] + (1 - share) * other[head.name]
        if head.kind in _OF_CLASSES
        else (2 * share - 1) * own[head.name]
        for head in heads.options
    }
