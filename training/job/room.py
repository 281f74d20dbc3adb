"""How many workers a cluster has room for, on which resources. Only `machines` asks Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shards.errors import UsageError
from shards.room import MOST, room_of
from training.job_config import JobConfig


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines of one kind."""

    cpus: float
    gpus: float = 0
    count: int = 1

    def workers(self, needs: dict[str, float]) -> float:
        """How many workers that need so many CPUs and GPUs each fit on all of them."""
        has = {"CPU": self.cpus, "GPU": self.gpus}
        each = min(has[name] // wanted for name, wanted in needs.items())
        return each * self.count if each else 0


@dataclass(frozen=True, slots=True)
class Placement:
    """What to ask Ray Train for."""

    workers: Any
    """So many, or (at least, at most). As Ray takes it, whose declared type has no pair."""
    needs: dict[str, float]
    """Of each worker, by Ray's names of resources."""

    @property
    def use_gpu(self) -> bool:
        return "GPU" in self.needs

    @property
    def least(self) -> int:
        return int(self.workers if isinstance(self.workers, int) else self.workers[0])

    def fits(self, cluster: Sequence[Machines]) -> bool:
        return sum(kind.workers(self.needs) for kind in cluster) >= self.least

    def shortage(self, cluster: Sequence[Machines]) -> str:
        """What is needed, and what there is instead."""
        parts = [f"{count * self.least:g} {name}s" for name, count in self.needs.items()]
        room = sum(kind.workers(self.needs) for kind in cluster)
        return (
            f"{self.least} workers need {' and '.join(parts)}, each worker on one machine; the"
            f" cluster has {described(cluster)}: room for {room:g}"
        )


def place_workers(job: JobConfig, cluster: Sequence[Machines]) -> Placement:
    """A GPU for each worker where the least number of workers fits that way, else none.

    Raises UsageError, which names what the cluster has, when that number can never fit.
    """
    needs: dict[str, float] = {"CPU": job.cpus_per_worker}
    on_gpus, on_cpus = Placement(job.workers, {**needs, "GPU": 1}), Placement(job.workers, needs)
    if on_gpus.fits(cluster):
        return on_gpus
    if on_cpus.fits(cluster):
        return on_cpus
    keys = "job.workers" if job.cpus_per_worker == 1 else "job.workers or job.cpus_per_worker"
    raise UsageError(f"{on_cpus.shortage(cluster)}; lower {keys}")


def described(cluster: Sequence[Machines]) -> str:
    """`2 x 4 CPUs, 1 x 8 CPUs and 1 GPUs`, or `no CPUs`."""
    counts: dict[str, int] = {}
    for kind in cluster:
        if kind.cpus or kind.gpus:
            what = f"{kind.cpus:g} CPUs" + (f" and {kind.gpus:g} GPUs" if kind.gpus else "")
            counts[what] = counts.get(what, 0) + kind.count
    kinds = [f"{count} x {what}" for what, count in sorted(counts.items())]
    return ", ".join(kinds) or "no CPUs"


def machines() -> list[Machines]:
    """Of the cluster that this process is connected to.

    A cluster that starts machines as they are wanted says only what it may have in all: that
    counts as one machine, so that nothing is refused that could come.
    """
    import ray

    total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    if any(name.startswith(MOST) for name in total):
        return [_machine(room_of(total))]
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [_machine(node["Resources"]) for node in nodes if node["Alive"]]


def _machine(resources: Mapping[str, float]) -> Machines:
    return Machines(resources.get("CPU", 0), resources.get("GPU", 0))
