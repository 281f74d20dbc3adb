"""Fits the temperatures of a finished model's heads of classes on its validation split."""

from pathlib import Path

import numpy as np
import torch

from shards.keys import order_hash
from training.config import config_from
from training.data.loader import Loader, View
from training.data.plan import evaluation_batches
from training.data.samples import Samples
from training.evaluation.calibration import fit_temperature
from training.evaluation.embed import take
from training.evaluation.inference import forward, to_numpy
from training.evaluation.outcomes import Ints, true_cells, truth_of
from training.model.cells.build import region_ids
from training.model.decode import Outputs
from training.model.modelfile import TrainedModel, load_model, write_model

MIN_SAMPLES = 100
"""With fewer, a network that is right about all of them would be called certain."""
MAX_SAMPLES = 10_000
"""One number does not need more; logits of 4,596 regions then take 180 MB."""
BATCH_SIZE = 64


def calibrate(path: Path, validation: Samples, device: torch.device, threads: int = 1) -> None:
    """Writes the temperatures into the model file; the same ones whenever it is called again.

    With fewer than MIN_SAMPLES samples the file stays as it is, without any.
    """
    if len(validation) < MIN_SAMPLES:
        return
    trained = load_model(path)
    order = np.argsort([order_hash(0, key) for key in validation.keys], kind="stable")
    samples = take(validation, np.sort(order[:MAX_SAMPLES]).astype(np.int64))
    outputs = _outputs(trained, samples, device, threads)
    truth = truth_of(samples, trained.decoder)
    regions = region_ids(trained.decoder.labels, samples)
    targets: dict[str, Ints] = {}
    for head in config_from(trained.description.config).heads:
        if head.kind == "country":
            targets[head.name] = truth.country
        elif head.kind == "region":
            cells = trained.decoder.cells[head.name]
            targets[head.name] = true_cells(cells, truth.positions, regions)
    temperature = {name: fit_temperature(outputs[name], true) for name, true in targets.items()}
    description = trained.description.model_copy(update={"temperature": temperature})
    write_model(path, description, trained.network.cpu().state_dict(), trained.decoder)


def _outputs(
    trained: TrainedModel, samples: Samples, device: torch.device, threads: int
) -> Outputs:
    """The heads' outputs of all samples, as the network gives them."""
    config, size = config_from(trained.description.config), trained.description.preprocessing
    shown = size.width, size.height
    network = trained.network.to(device).eval()
    plan = evaluation_batches(len(samples), batch_size=BATCH_SIZE, world_size=1, rank=0)
    parts = []
    with torch.inference_mode(), Loader(samples, shown, threads=threads) as loader:
        for batch in loader.batches(plan, View(shown)):
            moved = batch.to(device)
            parts.append(to_numpy(forward(network, moved.images, config.precision)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
