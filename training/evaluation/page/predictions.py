"""What an evaluation wrote: its figures, and a row for each sample, as columns."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import UsageError, WorkError
from training.evaluation.folder import PREDICTIONS_NAME, RECORD_NAME
from training.geometry import Floats, check_positions

_COLUMNS = [
    "key", "tar", "tar_offset", "tar_size", "true_lat", "true_lon", "lat", "lon", "distance_km",
    "country", "predicted_country", "country_rank", "probability", "true_probability",
    "group_id", "region", "region_rank",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Predictions:
    """A row for each sample; columns of equal length."""

    keys: list[str]
    places: list[tuple[str, int, int]]
    """File, offset and size of each picture."""
    true: Floats
    """(n, 2) degrees; NaN for a sample without coordinates."""
    answer: Floats
    """(n, 2) degrees; NaN where the model gave none."""
    distance_km: Floats
    country: list[str]
    """Codes; empty for a sample without a country."""
    predicted: list[str]
    rank: NDArray[np.int64]
    """How many countries were judged more probable than the true one; -1 when it is unknown."""
    probability: Floats
    """Of the predicted country."""
    true_probability: Floats
    group: list[str]
    """Game or sequence, as far as there is one."""
    region: list[str]
    """Ids of the true region; empty for a sample without one."""
    region_rank: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the predicted country is the true one."""
        return np.asarray(self.rank == 0)


def read_record(folder: Path) -> dict[str, Any]:
    """`evaluation.json`. Raises UsageError without one, WorkError for what is not one."""
    path = folder / RECORD_NAME
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{folder}: holds no {RECORD_NAME}; run `lostfound evaluate`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); evaluate again") from None
    if not isinstance(record, dict):
        raise WorkError(f"{path}: not an evaluation; evaluate again")
    return record


def read_predictions(folder: Path) -> Predictions:
    """`predictions.parquet`. Raises WorkError when it is missing or not what `evaluate` writes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / PREDICTIONS_NAME
    try:
        table = pq.read_table(path, columns=_COLUMNS)
        missing = sorted(set(_COLUMNS) - set(table.column_names))
        if missing:
            raise ValueError(f"no column {missing[0]}")
        return _predictions(table)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        gist = (str(error).splitlines() or [type(error).__name__])[0]
        raise WorkError(f"{path}: cannot be read ({gist}); evaluate again") from None


def _predictions(table: Any) -> Predictions:
    def texts(name: str) -> list[str]:
        return [value or "" for value in table[name].to_pylist()]

    def floats(name: str) -> Floats:
        return np.array([np.nan if v is None else v for v in table[name].to_pylist()], np.float64)

    def integers(name: str, absent: int) -> list[int]:
        return [absent if value is None else int(value) for value in table[name].to_pylist()]

    return Predictions(
        keys=texts("key"),
        places=list(
            zip(texts("tar"), integers("tar_offset", 0), integers("tar_size", 0), strict=True)
        ),
        true=check_positions(np.column_stack([floats("true_lat"), floats("true_lon")])),
        answer=check_positions(np.column_stack([floats("lat"), floats("lon")])),
        distance_km=floats("distance_km"),
        country=texts("country"),
        predicted=texts("predicted_country"),
        rank=np.array(integers("country_rank", -1), np.int64),
        probability=floats("probability"),
        true_probability=floats("true_probability"),
        group=texts("group_id"),
        region=texts("region"),
        region_rank=np.array(integers("region_rank", -1), np.int64),
    )
