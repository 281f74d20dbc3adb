"""Evaluates a model file on a split, against chance and against always guessing one country."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shards.console import progress
from shards.errors import WorkError
from shards.labels import Labels
from training.config import Config, config_from
from training.data.labels import read_labels, same_classes
from training.data.loader import Loader
from training.data.remote import local_shards
from training.data.samples import Samples, data_sha256, read_samples
from training.evaluation.embed import embed_samples, heads_of, refine, take
from training.evaluation.facts import Facts, read_facts
from training.evaluation.figures import all_figures
from training.evaluation.folder import folder_name, write_evaluation
from training.evaluation.inference import Evaluator, to_numpy
from training.evaluation.outcomes import Judge, Outcomes, truth_of
from training.evaluation.page.page import evaluation_page
from training.evaluation.subset import read_subset
from training.evaluation.views import first_views, fuse, places_of
from training.model.heads import Heads
from training.model.modelfile import TrainedModel, load_model, model_path
from training.model.retrieval import Embeddings, Method
from training.process import Process, local_device

BATCH_SIZE = 64


def evaluate_model(
    model: Path,
    shards: str | Path,
    split: str = "test",
    *,
    refine_by: Method | None = None,
    fuse_views: bool = False,
    subset: str | None = None,
    map_labels: bool = False,
    out: Path | None = None,
) -> dict[str, Any]:
    """All figures of a model on one split; also written, in `out` or beside the model.

    `model`: a model file or a run directory; `shards`: a directory or an address. `refine_by` takes
    positions from training photographs that look alike (`training.model.retrieval`); `fuse_views`
    answers once for each place. `subset`: countries to measure by themselves too, see
    `training.evaluation.subset`. `map_labels`: shards with another label table are read by the
    codes of countries and regions; what the model does not know is counted as unknown.

    The folder is `evaluation`, with `-<split>` for another split than test, `-<refine_by>` and
    `-fused`; see `training.evaluation.folder`. Raises WorkError when the model has other classes
    than the shards, and UsageError for a split without samples.
    """
    path = model_path(model)
    trained = load_model(path)
    shards = local_shards(shards)
    digest = data_sha256(shards)
    labels = read_labels(shards)
    samples, facts = read_samples(shards, split, labels), read_facts(shards, split)
    if not same_classes(trained.description.labels, labels):
        samples = _mapped(shards, labels, trained.description.labels, samples, facts, map_labels)
    if refine_by:
        refine(trained, path, refine_by)
    if refine_by or fuse_views:
        samples, facts, outcomes = _by_embeddings(trained, samples, facts, fuse_views)
    else:
        outcomes = _outcomes(trained, samples)
    about = {
        "data_sha256": digest,
        "split": split,
        "refined_by": refine_by,
        "fused_views": fuse_views,
    }
    parts = [split if split != "test" else "", refine_by or "", "fused" if fuse_views else ""]
    folder = (out or path.parent) / folder_name(parts)
    return write_results(folder, path, trained, outcomes, facts, about, subset, shards)


def write_results(
    folder: Path,
    path: Path,
    trained: TrainedModel,
    outcomes: Outcomes,
    facts: Facts,
    about: Mapping[str, Any],
    subset: str | None,
    pictures: Path,
) -> dict[str, Any]:
    """Figures, tables and the page; returns what `evaluation.json` holds.

    `about`: what was evaluated. `pictures`: where the files of `facts` lie.
    """
    labels, decoder = trained.description.labels, trained.decoder
    codes = {country.code for country in labels.countries} | set(facts.country.tolist()) - {""}
    chosen = read_subset(subset, codes) if subset else frozenset[str]()
    record = {
        "model": path.name,
        "folder": folder.name,
        **about,
        "countries": len(labels.countries),
        **all_figures(outcomes, facts, decoder, chosen),
        **baselines(labels, outcomes),
    }
    write_evaluation(folder, record, outcomes, facts, decoder)
    evaluation_page(folder, pictures)
    return record


def _mapped(
    shards: Path, labels: Labels, known: Labels, samples: Samples, facts: Facts, allowed: bool
) -> Samples:
    """The samples with the model's classes, by codes. Raises WorkError unless that is allowed."""
    if not allowed:
        raise WorkError(
            f"{shards}: its label table differs from the model's ({len(labels.countries)} countries"
            f" against {len(known.countries)}); evaluate on shards of the selection that it was"
            " trained on, or give --map-labels"
        )
    found = with_classes(samples, facts, known)
    if (found.country < 0).all():
        raise WorkError(f"{shards}: the model knows none of its countries; nothing can be measured")
    return found


def with_classes(samples: Samples, facts: Facts, labels: Labels) -> Samples:
    """The samples with the classes of a label table, by codes; -1 for what it does not have."""
    country = {label.code: label.index for label in labels.countries}
    region = {label.id: label.index for label in labels.regions}
    return replace(
        samples,
        country=np.array([country.get(code, -1) for code in facts.country.tolist()], np.int64),
        region=np.array([region.get(name, -1) for name in facts.region.tolist()], np.int64),
    )


def baselines(labels: Labels, outcomes: Outcomes) -> dict[str, float]:
    """Top-1 of guessing at random, and of always guessing the training split's largest country."""
    majority = max(labels.countries, key=lambda country: country.samples)
    return {
        "chance_top1": 1 / len(labels.countries),
        "majority_top1": float(np.mean(outcomes.country.true == majority.index)),
    }


def _outcomes(trained: TrainedModel, samples: Samples) -> Outcomes:
    description = trained.description
    config: Config = config_from(description.config)
    heads = Heads(config.heads, description.labels, trained.decoder.cells)
    device = local_device()
    size = description.preprocessing.width, description.preprocessing.height
    with (
        Loader(samples, size, threads=2, targets=heads.targets(samples)) as loader,
        progress("samples", len(samples)) as advance,
    ):
        evaluator = Evaluator(
            loader,
            trained.decoder,
            heads,
            size,
            BATCH_SIZE,
            config.precision,
        )
        return evaluator.outcomes(trained.network.to(device), Process(device=device), advance)


def _by_embeddings(
    trained: TrainedModel, samples: Samples, facts: Facts, fuse_views: bool
) -> tuple[Samples, Facts, Outcomes]:
    """The samples, or one of each place, and what became of them."""
    embeddings = embed_samples(trained, samples)
    if fuse_views:
        places = places_of(samples)
        first = first_views(places)
        embeddings, samples, facts = (
            fuse(embeddings, places),
            take(samples, first),
            facts.take(first),
        )
    return samples, facts, judged(trained, samples, embeddings)


def judged(trained: TrainedModel, samples: Samples, embeddings: Embeddings) -> Outcomes:
    """What becomes of samples of which the heads see these embeddings, (n, features)."""
    config = config_from(trained.description.config)
    heads = Heads(config.heads, trained.description.labels, trained.decoder.cells)
    targets = heads.targets(samples)
    judge = Judge(trained.decoder, truth_of(samples, trained.decoder))
    table = judge.empty()
    for start in range(0, len(samples), BATCH_SIZE):
        rows = np.arange(start, min(start + BATCH_SIZE, len(samples)))
        own = {name: torch.from_numpy(values[rows]) for name, values in targets.items()}
        outputs = heads_of(trained, embeddings[rows])
        loss = heads.weighted(heads(outputs, own)).double().numpy()
        arrays = to_numpy(outputs)
        answers = trained.decoder.answers(arrays, embeddings[rows])
        table[rows] = judge.rows(arrays, answers, rows, loss)
    return judge.outcomes(table)
