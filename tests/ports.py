"""Ports of loopback for servers that a test starts as processes of their own."""

import random
import socket
from contextlib import ExitStack

FIRST, LAST = 20_000, 32_000
"""Between those of Ray's workers and those that the system gives to whoever asks for any: what is
chosen here stays free until the server takes it."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different ones, on which nobody listens."""
    found: list[int] = []
    with ExitStack() as taken:
        for port in random.sample(range(FIRST, LAST), 100 + count):
            probe = taken.enter_context(socket.socket())
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"{host}: no {count} ports free of {100 + count} between {FIRST} and {LAST}")


def free_port(host: str = "127.0.0.1") -> int:
    (port,) = free_ports(1, host)
    return port
