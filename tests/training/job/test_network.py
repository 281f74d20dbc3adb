"""Workers talk over the interface that has the machine's address in the cluster."""

import os
import socket

import psutil
import pytest
import ray

from training.job.network import GLOO_INTERFACE, _choose_interface, interface_of


def test_the_interface_that_has_the_address() -> None:
    interfaces = {"lo": ["127.0.0.1", "::1"], "eth0": [], "eth1": ["10.0.0.7", "fe80::1%eth1"]}
    assert interface_of("10.0.0.7", interfaces) == "eth1"
    assert interface_of("127.0.0.1", interfaces) == "lo"
    assert interface_of("10.0.0.8", interfaces) is None


def test_it_is_chosen_unless_the_user_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GLOO_INTERFACE, "mine")
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    _choose_interface()
    assert os.environ[GLOO_INTERFACE] == "mine"
    monkeypatch.delenv(GLOO_INTERFACE)
    _choose_interface()
    chosen = psutil.net_if_addrs()[os.environ[GLOO_INTERFACE]]
    assert "127.0.0.1" in [one.address for one in chosen if one.family == socket.AF_INET]
