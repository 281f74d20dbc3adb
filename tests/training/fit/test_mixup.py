"""Mixup against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from shards.labels import CountryLabel, Labels
from training.fit.mixup import draw_share, mix_images, mixed_losses
from training.head_config import CoordinatesHead, CountryHead
from training.model.heads import Heads

LABELS = Labels(
    countries=[
        CountryLabel(index=i, code=code, name=code, samples=1)
        for i, code in enumerate(["DE", "SE"])
    ],
    regions=[],
)


def test_the_share_is_drawn_from_seed_and_step() -> None:
    shares = [draw_share(0.2, 7, step) for step in range(2000)]
    assert shares == [draw_share(0.2, 7, step) for step in range(2000)]
    assert shares[:5] != [draw_share(0.2, 8, step) for step in range(5)]
    assert min(shares) >= 0.5
    # x of Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    assert np.mean((np.array(shares) - 0.5) ** 2) == pytest.approx(1 / 5.6, rel=0.05)


def test_pictures_are_mixed_with_their_opposite() -> None:
    images = torch.tensor([0, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 2, 2, 3)
    mixed = mix_images(images, 0.75)
    assert mixed[:, 0, 0, 0].tolist() == [50, 100, 150]
    assert mixed.dtype == torch.float32


def test_classes_learn_both_and_positions_the_stronger() -> None:
    heads = Heads([CountryHead(label_smoothing=0.1), CoordinatesHead()], LABELS, {})
    logits = torch.tensor([[1.0, 3.0], [0.5, 0.0]])
    vectors = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    directions = torch.tensor([[0, 1.0, 0], [0, 0, 1.0]])
    targets = {"country": torch.tensor([0, 1]), "direction": directions}
    found = mixed_losses(heads, {"country": logits, "coordinates": vectors}, targets, 0.8)
    # The same as cross-entropy with the mixed, smoothed targets.
    soft = 0.9 * torch.tensor([[0.8, 0.2], [0.2, 0.8]]) + 0.1 / 2
    expected = functional.cross_entropy(logits, soft, reduction="none")
    assert torch.allclose(found["country"], expected)
    assert found["coordinates"].tolist() == pytest.approx([0.6, 0.6])
    equal = mixed_losses(heads, {"country": logits, "coordinates": vectors}, targets, 0.5)
    assert equal["coordinates"].tolist() == [0, 0]
    unmixed = mixed_losses(heads, {"country": logits, "coordinates": vectors}, targets, 1.0)
    whole = heads({"country": logits, "coordinates": vectors}, targets)
    assert all(torch.equal(unmixed[name], whole[name]) for name in whole)


def test_a_photograph_without_the_label_adds_nothing() -> None:
    heads = Heads([CountryHead(label_smoothing=0)], LABELS, {})
    targets = {"country": torch.tensor([0, -1]), "direction": torch.full((2, 3), torch.nan)}
    found = mixed_losses(heads, {"country": torch.zeros(2, 4)}, targets, 0.75)["country"]
    assert found.tolist() == pytest.approx([0.75 * np.log(4), 0.25 * np.log(4)])
