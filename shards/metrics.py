"""Figures of a run for Prometheus, at the metrics endpoint that Ray has on every node.

Ray puts `ray_` before each name, and labels with the node and the process. Without a cluster
nothing is counted. What a crawl's driver knows is published from the same families that
`crawl --metrics-port` serves.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

COUNTER, GAUGE = "counter", "gauge"


@dataclass(frozen=True, slots=True)
class Series:
    kind: str
    text: str
    labels: tuple[str, ...] = ()


SERIES: dict[str, Series] = {
    "lostfound_segments_sealed_total": Series(
        COUNTER, "Raw segments that were closed for good.", ("source",)
    ),
    "lostfound_enriched_captures_total": Series(
        COUNTER, "Captures that enrichment has decided.", ("node",)
    ),
    "lostfound_kept_total": Series(COUNTER, "Rows that enrichment kept.", ("node",)),
    "lostfound_rejected_total": Series(COUNTER, "Rows that enrichment rejected.", ("reason",)),
    "lostfound_built_samples_total": Series(COUNTER, "Samples written into shards."),
    "lostfound_built_bytes_total": Series(COUNTER, "Bytes of shards written."),
    "lostfound_training_loss": Series(GAUGE, "Mean loss of the last steps.", ("run", "head")),
    "lostfound_training_images_per_second": Series(GAUGE, "Over the last steps.", ("run",)),
    "lostfound_training_epoch": Series(GAUGE, "Epochs that are done.", ("run",)),
    "lostfound_validation_loss": Series(GAUGE, "Of the last validation.", ("run",)),
    "lostfound_errors_total": Series(COUNTER, "What went wrong and was survived.", ("kind",)),
}
"""What stages count themselves. Names are as Prometheus shows them, without `ray_`."""

_made: dict[str, Any] = {}
_last: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}


def count(name: str, more: float = 1, **labels: str) -> None:
    """Adds to a counter of SERIES."""
    if more > 0 and _is_connected():
        _record(name, SERIES[name], more, labels)


def gauge(name: str, value: float, **labels: str) -> None:
    """Sets a gauge of SERIES."""
    if _is_connected():
        _record(name, SERIES[name], value, labels)


def publish(families: "Iterable[Metric]") -> None:
    """What families of `prometheus_client` say now; their counters only grow within a process."""
    if not _is_connected():
        return
    for family in families:
        for sample in family.samples:
            labels = dict(sample.labels)
            series = Series(family.type, family.documentation, tuple(labels))
            value = sample.value
            if family.type == COUNTER:
                key = (sample.name, tuple(sorted(labels.items())))
                # A new run in this process begins at 0 again.
                before = _last.get(key, 0.0)
                value = value - before if value >= before else value
                _last[key] = sample.value
                if not value:
                    continue
            _record(sample.name, series, value, labels)


def _is_connected() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _record(name: str, series: Series, value: float, labels: dict[str, str]) -> None:
    from ray.util import metrics

    if name not in _made:
        # Ray adds the `_total` that counters end in.
        made = metrics.Counter if series.kind == COUNTER else metrics.Gauge
        _made[name] = made(name.removesuffix("_total"), series.text, series.labels)
    if series.kind == COUNTER:
        _made[name].inc(value, labels)
    else:
        _made[name].set(value, labels)
