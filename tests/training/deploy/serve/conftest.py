"""One loaded model, and one server of it, for the tests of serving."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.deploy.serve.serving import Served, serving
from training.deploy.serve.core import Core


@pytest.fixture(scope="session")
def core(run: Path) -> Core:
    return Core(run, 60_000_000)


@pytest.fixture(scope="package")
def served(core: Core) -> Iterator[Served]:
    with serving(core) as found:
        yield found
