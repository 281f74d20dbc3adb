"""Fixtures that several stages share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


# Workers of pytest-xdist ignore SIGINT, and so would every command that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test may take long where other things run.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photographs that lies beside a developer's checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real photographs at {SHARED_DATA}; see CONTRIBUTING.md")
    return SHARED_DATA


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One real Ray cluster of this machine for the whole session."""
    import ray

    from shards.fanout import ensure_ray

    ensure_ray()
    yield
    ray.shutdown()
