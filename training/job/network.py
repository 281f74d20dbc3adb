"""The process group of a Ray Train job: over the addresses by which the machines know each other.

Gloo asks what address this machine's own name has. That is a loopback address on many machines,
and then workers on two of them wait for each other in vain.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"


class ClusterTorchConfig(TorchConfig):
    """As Ray's own, on the interface that Ray uses; a GLOO_SOCKET_IFNAME that is set stays."""

    @property
    def backend_cls(self) -> type["_ClusterTorchBackend"]:
        return _ClusterTorchBackend


class _ClusterTorchBackend(_TorchBackend):
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute(_choose_interface)
        super().on_start(worker_group, backend_config)


def _choose_interface() -> None:
    """Runs in each worker before it joins the group."""
    import psutil
    import ray

    addresses = {
        name: [one.address for one in found if one.family in (socket.AF_INET, socket.AF_INET6)]
        for name, found in psutil.net_if_addrs().items()
    }
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    if name := interface_of(address, addresses):
        os.environ.setdefault(GLOO_INTERFACE, name)


def interface_of(address: str, interfaces: Mapping[str, Sequence[str]]) -> str | None:
    """The first of the `interfaces`, by name, that has the address."""
    return next((name for name, found in interfaces.items() if address in found), None)
