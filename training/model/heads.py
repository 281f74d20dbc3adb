"""The heads of a network at work: what each is as wide as, learns from, and is wrong by."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shards.labels import Labels
from training.data.samples import Samples
from training.geometry import local_km, unit_vectors
from training.head_config import CountryHead, HeadConfig, OffsetHead, RegionCells, RegionHead
from training.model.cells.build import build_cells, region_ids
from training.model.cells.table import Cells
from training.model.defects import squared_kilometres
from training.model.losses import cell_loss, coordinates_loss, country_loss, offset_loss

DIRECTION = "direction"
COORDINATES_SIZE = 3
AROUND = "regions"

Targets = Mapping[str, Tensor]
"""What a batch is compared with: `country`, `direction`, and by head name cells and offsets."""


class Heads(nn.Module):
    """A configuration's list of heads over one dataset's classes. Holds no weights to learn."""

    def __init__(self, options: Iterable[HeadConfig], labels: Labels, cells: Mapping[str, Cells]):
        """`cells`: by the name of the region head."""
        super().__init__()
        self.options = tuple(options)
        self.labels = labels
        self.cells = dict(cells)
        for name, own in self.cells.items():
            vectors = unit_vectors(*own.midpoints.T).astype(np.float32)
            self.register_buffer(f"midpoints_{name}", torch.from_numpy(vectors))

    def sizes(self) -> dict[str, int]:
        """Outputs of each head."""
        return {head.name: self._size(head) for head in self.options}

    def _size(self, head: HeadConfig) -> int:
        if isinstance(head, CountryHead):
            return len(self.labels.countries)
        if isinstance(head, RegionHead):
            return len(self.cells[head.name])
        if isinstance(head, OffsetHead):
            return 2 * len(self.cells[head.cells_of])
        return COORDINATES_SIZE

    def targets(self, samples: Samples) -> dict[str, NDArray[np.generic]]:
        """What `forward` needs of each sample, in the samples' order.

        `country`: (n,) class, -1 unknown. `direction`: (n, 3) float32 unit vector, NaN unknown. A
        region head's name: (n,) its cell. An offset head's name: (n, 2) east and north of the
        cell's midpoint, in its radii, within [-1, 1].
        """
        directions = unit_vectors(samples.lat, samples.lon).astype(np.float32)
        found: dict[str, NDArray[np.generic]] = {
            "country": samples.country,
            DIRECTION: directions,
        }
        positions = np.column_stack([samples.lat, samples.lon])
        for name, own in self.cells.items():
            found[name] = own.assign(positions, region_ids(self.labels, samples))
        for head in self.options:
            if isinstance(head, OffsetHead):
                own, cell = self.cells[head.cells_of], found[head.cells_of]
                lat, lon = own.midpoints[cell].T
                local = local_km(lat, lon, samples.lat, samples.lon)
                offset = np.clip(local / own.radii_km[cell, None], -1, 1)
                found[head.name] = offset.astype(np.float32)
        return found

    def forward(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """(batch,) unweighted losses by head."""
        return {head.name: self._loss(head, outputs, targets) for head in self.options}

    def _loss(self, head: HeadConfig, outputs: Mapping[str, Tensor], targets: Targets) -> Tensor:
        output = outputs[head.name]
        if isinstance(head, CountryHead):
            return country_loss(output, targets["country"], head.label_smoothing)
        if isinstance(head, RegionHead):
            midpoints = self.get_buffer(f"midpoints_{head.name}")
            true = targets[head.name]
            return cell_loss(
                output,
                targets[DIRECTION],
                midpoints,
                head.tau_km,
                head.mode,
                true,
                head.label_smoothing,
            )
        if isinstance(head, OffsetHead):
            return offset_loss(output, targets[head.cells_of], targets[head.name])
        loss = squared_kilometres if head.kilometres else coordinates_loss
        return loss(output, targets[DIRECTION])

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """(batch,) the loss that is minimised."""
        return torch.stack([head.weight * losses[head.name] for head in self.options]).sum(0)


def cells_for(options: Iterable[HeadConfig], labels: Labels, train: Samples) -> dict[str, Cells]:
    """The cells of every region head, by its name.

    Without any head of classes, `regions`: they tell in which country a position lies.
    """
    options = tuple(options)
    if labels.regions and not any(head.kind in ("country", "region") for head in options):
        return {AROUND: build_cells(RegionCells(), labels, train)}
    return {
        head.name: build_cells(head.cells, labels, train)
        for head in options
        if isinstance(head, RegionHead)
    }
