"""How much room a cluster has for tasks, machines included that it starts only when asked."""

from collections.abc import Mapping

MOST = "max_"
"""The head of a cluster that grows from nothing offers `max_CPU`, `max_GPU`, `max_browser`: what
all its groups of machines have together. `ray_cluster.yaml` sets them."""


def room_of(resources: Mapping[str, float]) -> dict[str, float]:
    """What there may be of each resource, from those that Ray says are there."""
    most = {n.removeprefix(MOST): count for n, count in resources.items() if n.startswith(MOST)}
    return {n: max(resources.get(n, 0.0), most.get(n, 0.0)) for n in {*resources, *most}}


def cluster_room() -> dict[str, float]:
    """`room_of` the cluster that this process is connected to."""
    import ray

    return room_of(ray.cluster_resources())  # type: ignore[no-untyped-call]


def has_several_machines() -> bool:
    """Now or later; False without a cluster."""
    import ray

    if not ray.is_initialized():
        return False
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    grows = any(n.startswith(MOST) for n in ray.cluster_resources())  # type: ignore[no-untyped-call]
    return grows or sum(node["Alive"] for node in nodes) > 1
