"""The folder that an evaluation writes: figures, tables of countries, and a row for each sample."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enrich.geo.continents import continents
from shards.atomic import atomic_path, write_json, write_text
from training.evaluation.facts import Facts
from training.evaluation.metrics import geoscores
from training.evaluation.outcomes import Ints, Outcomes
from training.geometry import Floats
from training.model.cells.table import Cells, Names
from training.model.decode import Decoder

RECORD_NAME = "evaluation.json"
COUNTRIES_NAME = "countries.csv"
CONFUSION_NAME = "confusion.csv"
PREDICTIONS_NAME = "predictions.parquet"


def folder_name(parts: Iterable[str]) -> str:
    """`evaluation`, and whatever makes it another one: `evaluation-validation-fused`."""
    return "-".join(["evaluation", *filter(None, parts)])


def write_evaluation(
    folder: Path, record: Mapping[str, Any], outcomes: Outcomes, facts: Facts, decoder: Decoder
) -> None:
    """Writes the four files, `evaluation.json` last."""
    import pyarrow.parquet as pq

    table = predictions_table(outcomes, facts, decoder)
    with atomic_path(folder / PREDICTIONS_NAME) as temporary:
        pq.write_table(table, temporary)
    rows = [{"country": code, **row} for code, row in record["per_country"].items()]
    write_text(folder / COUNTRIES_NAME, csv_text(rows))
    codes = codes_of(decoder, outcomes.country.predicted)
    write_text(folder / CONFUSION_NAME, csv_text(confusion(facts.country, codes)))
    write_json(folder / RECORD_NAME, record)


def confusion(true: Names, predicted: Names) -> list[dict[str, Any]]:
    """How many samples of each country were taken for each, the most frequent pairs first.

    Samples without a country are left out; right answers are among the pairs.
    """
    pairs = np.column_stack([true, predicted])[true != ""]
    found, samples = np.unique(pairs, axis=0, return_counts=True)
    rows = zip(found.tolist(), samples.tolist(), strict=True)
    return [
        {"country": country, "predicted": guess, "samples": count}
        for (country, guess), count in sorted(rows, key=lambda row: (-row[1], row[0]))
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """With a header of the first row's names; nothing where a value is None."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def codes_of(decoder: Decoder, classes: Ints) -> Names:
    """(…) country codes; "" for -1."""
    codes = [*(country.code for country in decoder.labels.countries), ""]
    return np.array(codes, dtype=np.str_)[classes]


def continents_of(codes: Names) -> Names:
    """(n,) names; "" for no country."""
    table = continents()
    return np.array([table.get(str(code), "") for code in codes], dtype=np.str_)


def predictions_table(outcomes: Outcomes, facts: Facts, decoder: Decoder) -> Any:
    """The rows of all samples as an Arrow table; what is not known is null."""
    import pyarrow as pa

    country, predicted = outcomes.country, codes_of(decoder, outcomes.country.predicted)
    columns = {
        "key": _texts(facts.keys),
        "tar": _texts(facts.files),
        "tar_offset": pa.array(facts.offset),
        "tar_size": pa.array(facts.size),
        "group_id": _texts(facts.group),
        "true_lat": _floats(outcomes.true_positions[:, 0]),
        "true_lon": _floats(outcomes.true_positions[:, 1]),
        "lat": _floats(outcomes.positions[:, 0]),
        "lon": _floats(outcomes.positions[:, 1]),
        "distance_km": _floats(outcomes.distance_km),
        "geoscore": _floats(geoscores(outcomes.distance_km)),
        "country": _texts(facts.country),
        "predicted_country": _texts(predicted),
        "country_rank": _ranks(country.rank),
        "probability": _floats(country.probability),
        "true_probability": _floats(country.true_probability),
        "countries": _lists(codes_of(decoder, outcomes.top), outcomes.top >= 0, pa.string()),
        "probabilities": _lists(outcomes.top_probability, outcomes.top >= 0, pa.float64()),
        **_region_columns(outcomes, facts, decoder.answered_cells),
        "continent": _texts(continents_of(facts.country)),
        "predicted_continent": _texts(continents_of(predicted)),
        "loss": _floats(outcomes.loss),
    }
    return pa.table(columns)


def _region_columns(outcomes: Outcomes, facts: Facts, cells: Cells | None) -> dict[str, Any]:
    """The cells of the region head by their ids; a sample of no known cell has its region's id."""
    region = outcomes.region
    if region is None or cells is None:
        none = _texts(np.full(len(outcomes), "", dtype=np.str_))
        return {
            "region": _texts(facts.region),
            "predicted_region": none,
            "region_rank": _ranks(np.full(len(outcomes), -1, dtype=np.int64)),
        }
    ids = np.array([*(cell.id for cell in cells.table.cells), ""], dtype=np.str_)
    true = np.where(region.true >= 0, ids[region.true], facts.region)
    return {
        "region": _texts(true),
        "predicted_region": _texts(ids[region.predicted]),
        "region_rank": _ranks(region.rank),
    }


def _texts(values: Names) -> Any:
    import pyarrow as pa

    return pa.array([text or None for text in values.tolist()], pa.string())


def _floats(values: Floats) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _ranks(values: Ints) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.int64(), mask=values < 0)


def _lists(values: Any, known: Any, kind: Any) -> Any:
    import pyarrow as pa

    rows = zip(values, known, strict=True)
    return pa.array([row[mask].tolist() for row, mask in rows], pa.list_(kind))
