"""Makes folders as `evaluate` writes them, with answers drawn at random."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import write_json
from training.evaluation.metrics import RADII_KM, wilson_interval
from training.geometry import destination, haversine_km

LABELS = {
    "BR": (-23.5, -46.6),
    "DE": (52.5, 13.4),
    "FJ": (-17.8, 178.4),
    "JP": (35.7, 139.7),
    "SE": (55.7, 13.2),
    "US": (40.0, -100.0),
}
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "tar")),
        ("tar_offset", pa.int64()),
        ("tar_size", pa.int64()),
        *((name, pa.float64()) for name in ("true_lat", "true_lon", "lat", "lon", "distance_km")),
        ("geoscore", pa.float64()),
        *((name, pa.string()) for name in ("country", "predicted_country")),
        ("country_rank", pa.int64()),
        ("probability", pa.float64()),
        ("true_probability", pa.float64()),
        ("countries", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float64())),
        ("loss", pa.float64()),
        ("group_id", pa.string()),
        ("region", pa.string()),
        ("region_rank", pa.int64()),
    ]
)


def make_rows(
    samples: int,
    *,
    skill: float = 0.6,
    seed: int = 0,
    places: dict[str, tuple[float, float]] | None = None,
    located: bool = True,
) -> list[dict[str, Any]]:
    """Rows of `predictions.parquet`; a share `skill` of them names the right country."""
    places = places or LABELS
    codes, truth, random = list(places), np.random.default_rng(0), np.random.default_rng(seed)
    rows = []
    for number in range(samples):
        true = codes[int(len(codes) * truth.random() ** 2)]
        ranking = [true] + [codes[i] for i in random.permutation(len(codes)) if codes[i] != true]
        rank = 0 if random.random() < skill else 1 + int(random.integers(len(codes) - 1))
        ranking.insert(rank, ranking.pop(0))
        shares = np.sort(random.dirichlet(np.full(len(codes), 0.5)))[::-1]
        lat, lon = destination(*places[true], truth.uniform(0, 360), truth.exponential(150))
        answer = destination(
            *places[ranking[0]], random.uniform(0, 360), random.lognormal(4.5, 1.6) % 19_000
        )
        km = float(haversine_km(lat, lon, *answer))
        row = {
            "key": f"test-{number:04d}",
            "tar": "data/test-000000.tar",
            "tar_offset": 0,
            "tar_size": 0,
            "true_lat": float(lat),
            "true_lon": float(lon),
            "lat": float(answer[0]),
            "lon": float(answer[1]),
            "distance_km": km,
            "geoscore": 5000 * float(np.exp(-km / 1492.7)),
            "country": true,
            "predicted_country": ranking[0],
            "country_rank": rank,
            "probability": float(shares[0]),
            "true_probability": float(shares[rank]),
            "countries": ranking[:5],
            "probabilities": shares[:5].tolist(),
            "loss": float(-np.log(max(shares[rank], 1e-9))),
            "group_id": None,
            "region": f"{true}-1",
            "region_rank": rank,
        }
        if not located:
            row |= dict.fromkeys(("lat", "lon", "distance_km", "geoscore"))
        rows.append(row)
    return rows


def write_evaluation(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> Path:
    """The folder of an evaluation with these rows; `changes` to what `evaluation.json` says."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "predictions.parquet")
    write_json(folder / "evaluation.json", record_of(rows) | changes)
    return folder


def record_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    rank = np.array([-1 if (r := row["country_rank"]) is None else r for row in rows])
    km = np.array([row["distance_km"] for row in rows if row["distance_km"] not in (None, np.nan)])
    country: dict[str, Any] = {"unknown": int(np.sum(rank < 0))}
    for k in (1, 3, 5):
        share = float(np.mean((rank >= 0) & (rank < k)))
        low, high = wilson_interval(share, len(rows))
        country |= {f"top{k}": share, f"top{k}_low": low, f"top{k}_high": high}
    distance: dict[str, Any] = {"samples": len(km), "mean": None, "median": None, "within": {}}
    if len(km):
        distance |= {"mean": float(km.mean()), "median": float(np.median(km)), "earth_radius": 6371}
        distance["geoscore"] = float(np.mean(5000 * np.exp(-km / 1492.7)))
        distance["within"] = {f"{r} km": float(np.mean(km <= r)) for r in RADII_KM}
    return {
        "model": "model.safetensors",
        "data_sha256": "d" * 64,
        "split": "test",
        "refined_by": None,
        "fused_views": False,
        "countries": 6,
        "samples": len(rows),
        "country": country,
        "distance_km": distance,
        "loss": 1.25,
        "chance_top1": 1 / 6,
        "majority_top1": 0.3,
        "per_country": {"SE": {"samples": 1, "top1": 1.0, "median_km": 5.0}},
    }
