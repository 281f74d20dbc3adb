"""A Hub on loopback, a client that talks to it, and a shard directory to publish."""

import shutil
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.hub.publish import Publication, PublishOptions, publish_shards
from tests.shards.datasets import make_dataset
from tests.shards.hub.server import TOKEN, Hub, hub_server

SMALL = BuildOptions(shard_bytes=20_000)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = make_dataset(tmp_path_factory.mktemp("published"), 30)
    build_shards(layout, "main", SMALL)
    return layout.shards("main")


@pytest.fixture
def shards(built: Path, tmp_path: Path) -> Path:
    """A shard directory that the test may change."""
    return Path(shutil.copytree(built, tmp_path / "main"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Large files go as LFS objects; see `test_xet.py` for the other way."""
    with hub_server(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        # What the client and we wait between attempts is not under test.
        patient = types.SimpleNamespace(sleep=lambda seconds: None)
        monkeypatch.setattr("huggingface_hub.utils._http.time", patient)
        monkeypatch.setattr("shards.hub.client.time", patient)
        yield server


def publish(directory: Path, **options: object) -> Publication:
    return publish_shards(directory, PublishOptions(**({"repo": "main"} | options)))  # type: ignore[arg-type]
