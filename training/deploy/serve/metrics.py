"""What the server counts, for Prometheus: `GET /metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "lostfound_requests", "Requests answered", ["route", "status"], registry=own
        )
        self.seconds = Histogram(
            "lostfound_request_seconds",
            "From a request's headers to its answer",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.refused = Counter(
            "lostfound_refused", "Requests refused, by reason", ["reason"], registry=own
        )
        self.images = Counter("lostfound_images", "Images predicted", registry=own)
        self.bad_images = Counter(
            "lostfound_bad_images",
            "Images without an answer",
            ["reason"],
            registry=own,
        )
        self.batches = Histogram(
            "lostfound_batch_images", "Images of a batch", buckets=_IMAGES, registry=own
        )
        self.batch_seconds = Histogram(
            "lostfound_batch_seconds", "One batch in the network", buckets=_SECONDS, registry=own
        )
        self.waiting = Gauge("lostfound_waiting_images", "Images in the queue", registry=own)
        self.held = Gauge("lostfound_held_bytes", "Bodies in memory", registry=own)
        self.in_progress = Gauge("lostfound_in_progress", "Predictions in progress", registry=own)
        self.model = Gauge(
            "lostfound_model_info", "1, with the model's hash", ["sha256"], registry=own
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def summary(self) -> dict[str, int]:
        """The totals, for the end of the command."""
        return {
            "requests": self._total("lostfound_requests_total"),
            "images": self._total("lostfound_images_total"),
            "batches": self._total("lostfound_batch_images_count"),
            "refused": self._total("lostfound_refused_total"),
        }

    def _total(self, sample: str) -> int:
        found = (s for metric in self.registry.collect() for s in metric.samples)
        return int(sum(s.value for s in found if s.name == sample))
