"""The model card: a README.md beside the model, as the Hugging Face Hub reads it.

Its figures are those of `evaluation.json` on the test split where that stands beside the model,
else those of the validation split that the model file carries.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shards.atomic import write_text
from shards.card.header import hub_licenses
from shards.errors import UsageError
from shards.manifest import CARD_NAME
from training.model.description import Description
from training.model.modelfile import MODEL_NAME, model_path, read_model_file

TITLE = "Where was this photograph taken?"
_TERMS = (
    "\nTerms that ask to be passed on (share-alike) or that limit the use of what is made"
    " (non-commercial) are passed on to the weights.\n"
)
_EVALUATIONS = ("evaluation/evaluation.json", "evaluation.json")
READS = (CARD_NAME, *_EVALUATIONS)
"""What is read beside the model to write its card."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an evaluation that a card shows."""

    place: tuple[str, ...]
    """Where it stands in the evaluation."""
    name: str
    kind: str
    """Its identifier on the Hub."""
    unit: str = ""
    """`%` for a share."""


FIGURES = (
    Figure(("country", "top1"), "Country, top 1", "accuracy", "%"),
    Figure(("country", "top3"), "Country, top 3", "top_3_accuracy", "%"),
    Figure(("country", "top5"), "Country, top 5", "top_5_accuracy", "%"),
    Figure(("country", "balanced_accuracy"), "Country, balanced", "balanced_accuracy", "%"),
    Figure(("region", "top1"), "Region, top 1", "region_accuracy", "%"),
    Figure(("continent", "top1"), "Continent, top 1", "continent_accuracy", "%"),
    Figure(("distance_km", "median"), "Distance, median", "median_distance_km", "km"),
    Figure(("distance_km", "mean"), "Distance, mean", "mean_distance_km", "km"),
    *(
        Figure(("distance_km", "within", f"{km} km"), f"Within {km} km", f"within_{km}_km", "%")
        for km in (1, 25, 200, 750, 2500)
    ),
    Figure(("distance_km", "geoscore"), "GeoScore", "geoscore"),
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    values: Mapping[str, Any]
    split: str
    same_data: bool
    """On the shards that the model was trained on."""


def write_card(model: Path) -> Path:
    """Writes the card beside the model file; returns its path.

    Raises UsageError where another file has its name.
    """
    path = model_path(model)
    description, _ = read_model_file(path)
    card = path.parent / CARD_NAME
    if card.exists() and not is_card(card):
        raise UsageError(
            f"{card}: another file, which stays; copy the model to a folder of its own"
        )
    write_text(card, model_card(description, read_evaluation(path, description)))
    return card


def is_card(path: Path) -> bool:
    """Whether there is a model card of ours."""
    try:
        return f"\n# {TITLE}\n" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def read_evaluation(path: Path, description: Description) -> Evaluation | None:
    """The figures that the card shows; None when nothing was measured."""
    for name in _EVALUATIONS:
        try:
            values = json.loads((path.parent / name).read_text(encoding="utf-8"))
            same = values["data_sha256"] == description.data.sha256
            return Evaluation(values, str(values["split"]), same)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # none, or no evaluation of ours
    validation = description.training.get("validation")
    return Evaluation(validation, "validation", True) if isinstance(validation, dict) else None


def model_card(description: Description, evaluation: Evaluation | None, repo: str = "") -> str:
    """The card's text. `repo`: NAMESPACE/NAME on the Hub, where it is known."""
    return "\n".join(
        [
            f"---\n{_header(description, evaluation)}---\n",
            f"# {TITLE}\n",
            _summary(description),
            f"## Intended use\n\n{description.intended_use}\n",
            f"## Limits\n\n{description.limits}\n",
            _training(description),
            _results(evaluation),
            _use(repo),
        ]
    )


def _header(description: Description, evaluation: Evaluation | None) -> str:
    licences = hub_licenses([description.licence])
    values: dict[str, Any] = {"license": licences[0]}
    if licences == ["other"]:
        values["license_name"] = _on_one_line(description.licence)
    values |= {
        "library_name": "lostfound",
        "pipeline_tag": "image-classification",
        "tags": ["geolocation", "street-level", description.network],
    }
    if description.data.name:
        values["datasets"] = [_on_one_line(description.data.name)]
    if evaluation:
        shown = list(_figures(evaluation.values))
        values["metrics"] = [figure.kind for figure, _, _ in shown]
        values["model-index"] = [_index(description, evaluation)]
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _index(description: Description, evaluation: Evaluation) -> dict[str, Any]:
    dataset = {
        "type": "image-geolocation",
        "name": _data_name(description) if evaluation.same_data else "other shards",
        "split": evaluation.split,
    }
    metrics = [
        {"type": figure.kind, "name": figure.name, "value": round(value, 6)}
        for figure, value, _ in _figures(evaluation.values)
    ]
    task = {"type": "image-classification", "name": "Image geolocation"}
    result = {"task": task, "dataset": dataset, "metrics": metrics}
    return {"name": f"lostfound {description.network}", "results": [result]}


def _figures(values: Any) -> Iterator[tuple[Figure, float, tuple[float, float] | None]]:
    """Those that were measured, with their 95 % intervals where there are some."""
    for figure in FIGURES:
        *folders, last = figure.place
        found = values
        for folder in folders:
            found = found.get(folder) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or not isinstance(found.get(last), int | float):
            continue
        ends = [found.get(f"{last}_{end}") for end in ("low", "high")]
        low, high = (float(end) if isinstance(end, int | float) else None for end in ends)
        interval = None if low is None or high is None else (low, high)
        yield figure, float(found[last]), interval


def _summary(description: Description) -> str:
    size = description.preprocessing
    kinds = [f"{len(description.labels.countries):,} countries"]
    kinds += [f"{len(table.cells):,} cells ({name})" for name, table in description.cells.items()]
    return (
        f"A `{description.network}` that looks at one photograph of {size.width}x{size.height}"
        f" pixels and answers with {', '.join(kinds)} and a position.\n\n"
        f"Weights under **{_plain(description.licence)}**."
        f" Made with Lost & Found {_plain(description.code_version)}.\n"
    )


def _training(description: Description) -> str:
    data = description.data
    rows = [
        f"| {_plain(entry.name or entry.url or 'none named')} | {entry.samples:,} |"
        for entry in data.licences
    ]
    weights = description.config.get("weights", "none")
    start = (
        "random weights"
        if weights == "none"
        else "weights that were published with the network, under terms of their own"
        if weights in ("imagenet", "auto")
        else "weights of another file"
    )
    return "\n".join(
        [
            "## Training data\n",
            f"{data.samples:,} photographs of {_plain(_data_name(description))}.",
            f"SHA-256 of the manifest: `{data.sha256}`.",
            f"Training began with {start}.\n",
            "| licence of the photographs | photographs |",
            "|---|---:|",
            *rows,
            _TERMS,
        ]
    )


def _results(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "## Figures\n\nNothing was measured yet.\n"
    where = f"the {evaluation.split} split of " + (
        "the same selection" if evaluation.same_data else "other shards"
    )
    rows = [
        f"| {figure.name} | {_shown(figure, value)} | {_interval(figure, interval)} |"
        for figure, value, interval in _figures(evaluation.values)
    ]
    samples = evaluation.values.get("samples", "?")
    return "\n".join(
        [
            f"## Figures\n\nOn {samples} photographs: {where}.\n",
            "| figure | value | 95 % interval |",
            "|---|---:|---|",
            *rows,
            "",
        ]
    )


def _shown(figure: Figure, value: float) -> str:
    return f"{value:.1%}" if figure.unit == "%" else f"{value:,.0f} {figure.unit}".strip()


def _interval(figure: Figure, interval: tuple[float, float] | None) -> str:
    return "" if interval is None else " to ".join(_shown(figure, end) for end in interval)


def _use(repo: str) -> str:
    model = f"hf://{repo}" if repo else MODEL_NAME
    return "\n".join(
        [
            "## How to use it\n",
            "```sh",
            f"lostfound predict {model} photograph.jpg",
            f"lostfound serve {model}",
            "```\n",
            "The file is safetensors with a JSON description; loading it executes nothing.\n",
        ]
    )


def _data_name(description: Description) -> str:
    return _on_one_line(description.data.name) or "shards without a name"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """On one line, and nothing that Markdown or HTML would read as more than text."""
    return "".join(f"\\{c}" if c in "\\|<>[]`*_" else c for c in _on_one_line(text))
