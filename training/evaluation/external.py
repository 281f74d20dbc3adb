"""Evaluates a model on a test set of others: images and where they were taken."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shards.atomic import write_text
from shards.console import Advance, progress
from shards.errors import WorkError
from training.data.images import MAX_FILE_BYTES, Pixels, fit, read_image
from training.data.samples import Samples
from training.evaluation.embed import embed_images, refine
from training.evaluation.evaluate import BATCH_SIZE, judged, with_classes, write_results
from training.evaluation.facts import Facts, locate, names
from training.evaluation.folder import csv_text, folder_name
from training.evaluation.layouts import Found, Layout, Reason, Refused, TestSet, read_test_set
from training.model.modelfile import TrainedModel, load_model, model_path
from training.model.retrieval import Embeddings, Method

REFUSED_NAME = "refused.csv"


def evaluate_images(
    model: Path,
    images: Path,
    layout: Layout = "auto",
    columns: Mapping[str, str] | None = None,
    *,
    refine_by: Method | None = None,
    subset: str | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """All figures of a model on a folder or table of images; see `training.evaluation.layouts`.

    Countries and regions follow from the coordinates. Images that cannot be used are counted by
    their reason, and listed in `refused.csv`. The folder is `evaluation-<name of the images>` in
    `out`, or beside the model.

    Raises UsageError when nothing has a position, WorkError when no image can be read.
    """
    path = model_path(model)
    trained = load_model(path)
    chosen = read_test_set(images, layout, columns)
    if refine_by:
        refine(trained, path, refine_by)
    read, embeddings, unread = _read(trained, chosen)
    if not read:
        raise WorkError(f"{images}: no image can be read ({unread[0].name}: {unread[0].detail})")
    facts = facts_of(read)
    samples = with_classes(_samples(read, facts), facts, trained.description.labels)
    refused = sorted([*chosen.refused, *unread], key=lambda one: (one.name, one.reason))
    about = {
        "data_sha256": _identity(read),
        "split": None,
        "refined_by": refine_by,
        "fused_views": False,
        "images": {
            "name": images.name,
            "layout": chosen.layout,
            "failed": len(refused),
            "reasons": dict(sorted(Counter(one.reason for one in refused).items())),
        },
    }
    folder = (out or path.parent) / folder_name([images.resolve().stem, refine_by or ""])
    outcomes = judged(trained, samples, embeddings)
    record = write_results(folder, path, trained, outcomes, facts, about, subset, chosen.root)
    rows = [{"image": r.name, "reason": r.reason, "detail": r.detail} for r in refused]
    write_text(folder / REFUSED_NAME, csv_text(rows))
    return record


def facts_of(found: list[Found]) -> Facts:
    country, region = locate(np.array([[one.position.lat, one.position.lon] for one in found]))
    files = names([one.name for one in found])
    none = np.full(len(found), "", dtype=np.str_)
    return Facts(
        files,
        files,
        np.zeros(len(found), dtype=np.int64),
        np.array([one.path.stat().st_size for one in found], dtype=np.int64),
        country,
        region,
        none,
    )


def _samples(found: list[Found], facts: Facts) -> Samples:
    rows = np.arange(len(found), dtype=np.int64)
    return Samples(
        keys=facts.keys.tolist(),
        tars=[one.path for one in found],
        tar=rows,
        offset=facts.offset,
        size=facts.size,
        lat=np.array([one.position.lat for one in found]),
        lon=np.array([one.position.lon for one in found]),
        country=np.full(len(found), -1, dtype=np.int64),
        region=np.full(len(found), -1, dtype=np.int64),
    )


def _read(trained: TrainedModel, chosen: TestSet) -> tuple[list[Found], Embeddings, list[Refused]]:
    """What could be read, what the heads see of it, and the rest."""
    read: list[Found] = []
    parts: list[Embeddings] = []
    refused: list[Refused] = []
    with progress("images", len(chosen.found)) as advance:
        for images, pixels in _batches(trained, chosen.found, refused, advance):
            read += images
            parts.append(embed_images(trained, pixels))
    return read, np.concatenate(parts) if parts else np.zeros((0, 0), np.float32), refused


def _batches(
    trained: TrainedModel, found: list[Found], refused: list[Refused], advance: Advance
) -> Iterator[tuple[list[Found], list[Pixels]]]:
    """Readable images and their pixels, a batch at a time; the others become `refused`."""
    size = trained.description.preprocessing
    for start in range(0, len(found), BATCH_SIZE):
        images: list[Found] = []
        pixels: list[Pixels] = []
        for image in found[start : start + BATCH_SIZE]:
            try:
                pixels.append(fit(read_image(image.path), size.width, size.height))
                images.append(image)
            except WorkError as error:
                detail = str(error).removeprefix(f"{image.path}: ")
                refused.append(Refused(image.name, _reason(image.path, detail), detail))
            advance()
        if images:
            yield images, pixels


def _reason(path: Path, detail: str) -> Reason:
    if not path.is_file():
        return "missing"
    if path.stat().st_size > MAX_FILE_BYTES or "more than" in detail:
        return "too_large"
    return "undecodable"


def _identity(found: list[Found]) -> str:
    """Of names, sizes and positions."""
    digest = hashlib.sha256()
    for one in found:
        digest.update(f"{one.name}\0{one.path.stat().st_size}\0{one.position}\n".encode())
    return digest.hexdigest()
