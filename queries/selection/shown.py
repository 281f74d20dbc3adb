"""What `select` shows people of the selection that it wrote."""

from collections.abc import Iterator
from typing import Any


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """The summary table; records of earlier versions lack some of it."""
    mapping = record.get("mapping") or {}
    leaks = record.get("leak_check")
    return {
        "samples": sum(record["counts"].values()),
        **record["counts"],
        "countries": record.get("countries", {}),
        "dropped": _dropped(record),
        **({"leak_check": _leaks(leaks)} if leaks else {}),
        **({name: mapping[name] for name in ("missing", "left_out") if name in mapping}),
    }


def notes(record: dict[str, Any]) -> Iterator[str]:
    """What a user may not expect."""
    if without := record.get("without_position"):
        yield f"note: {without:,} samples have no position; the hash of their group divides them"
    if straddling := record.get("dropped", {}).get("group_in_several_splits"):
        yield (
            f"note: {straddling:,} samples are dropped because most of their group is in another"
            " split; --split-by key divides groups"
        )
    wanted = record["options"].get("split_percent", {})
    empty = [split for split, count in record["counts"].items() if wanted.get(split) and not count]
    if empty:
        yield f"note: no samples for {' and '.join(empty)}: {_why_none(record['options'])}"


def _why_none(options: dict[str, Any]) -> str:
    if options.get("split") == "spatial":
        return "too few blocks; lower --block-km or --buffer-km"
    if options.get("split_by") == "group":
        return "too few groups; --split-by key divides groups"
    return "too few samples"


def _dropped(record: dict[str, Any]) -> dict[str, int]:
    """How many samples that met the condition were not chosen from, by cause."""
    causes = {
        "without_licence_or_attribution": record.get("unlicensed", 0),
        **{
            f"{one['other']}, {cause}": one[cause]
            for one in record.get("decontaminated", [])
            for cause in ("sha256", "phash", "distance")
        },
        **record.get("dropped", {}),
    }
    return {cause: count for cause, count in causes.items() if count}


def _leaks(leaks: dict[str, Any]) -> dict[str, Any]:
    """The leak check without the counts by country, which would fill the screen."""
    shares = leaks["label_shares"]
    return {
        "smallest_distance_km": leaks["distance_km"],
        "groups_across_splits": leaks["groups_across_splits"],
        "clusters_across_splits": leaks["clusters_across_splits"],
        "label_shares": f"chi2 {shares['chi2']:.4g},"
        f" {shares['degrees_of_freedom']} degrees of freedom, p = {shares['p']:.3g}",
    }
