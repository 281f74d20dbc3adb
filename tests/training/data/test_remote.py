import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
import torch
from huggingface_hub import HfFileSystem

from shards.build import build_shards
from shards.errors import UsageError, WorkError
from shards.remote import open_remote
from tests.crawler.s3 import CREDENTIALS, HOST, make_bucket, moto_server
from tests.shards.datasets import make_dataset
from tests.shards.hub.conftest import hub, publish
from tests.shards.hub.server import USER, Hub
from tests.training.conftest import tiny_config
from tests.training.shardmaker import make_shards
from training.data.labels import read_labels
from training.data.loader import Loader, View
from training.data.remote import Tars, address_of, local_shards
from training.data.samples import data_sha256, read_samples
from training.evaluation.evaluate import evaluate_model
from training.job.train import run_training

SIZE = (32, 18)
__all__ = ["hub"]  # a fixture


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def web_server(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            asked.append(f"{self.command} {self.path}")

        def log_error(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _images(shards: Path) -> torch.Tensor:
    samples = read_samples(shards, "train", read_labels(shards))
    with Loader(samples, SIZE, threads=2) as loader:
        plan = [range(start, start + 8) for start in range(0, len(samples), 8)]
        return torch.cat([b.images for b in loader.batches(map(_indices, plan), View(SIZE))])


def _indices(numbers: range) -> object:
    import numpy as np

    return np.array(numbers, dtype=np.int64)


def _fetched(asked: list[str], ending: str) -> list[str]:
    return [line for line in asked if line.startswith("GET") and line.endswith(ending)]


def test_shards_on_a_web_server_are_fetched_once(shards: Path, cache: Path) -> None:
    with web_server(shards) as (url, asked):
        copy = local_shards(url)
        assert not list(copy.glob("data/*"))
        assert data_sha256(copy) == data_sha256(shards)
        assert address_of(copy) == url
        assert torch.equal(_images(copy), _images(shards))
        assert len(_fetched(asked, ".tar")) == 2
        # Those of other splits are not asked for.
        assert all("train" in line for line in _fetched(asked, ".tar"))
        asked.clear()
        assert local_shards(url) == copy
        _images(copy)
        assert not _fetched(asked, ".tar")
        assert not _fetched(asked, ".parquet")


def test_damage_in_the_cache_is_fetched_again(shards: Path) -> None:
    with web_server(shards) as (url, asked):
        copy = local_shards(url)
        expected = _images(copy)
        tar = copy / "data" / "train-000001.tar"
        tar.write_bytes(tar.read_bytes()[:-1] + b"x")
        parquet = copy / "metadata" / "train-000000.parquet"
        parquet.write_bytes(b"PAR1")
        asked.clear()
        assert torch.equal(_images(local_shards(url)), expected)
        assert len(_fetched(asked, "train-000001.tar")) == 1
        assert not _fetched(asked, "train-000000.tar")
        assert len(_fetched(asked, "train-000000.parquet")) == 1


def test_shards_that_changed_are_one_line(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 16})
    with web_server(shards) as (url, _):
        copy = local_shards(url)
        tar = shards / "data" / "train-000001.tar"
        tar.write_bytes(tar.read_bytes()[:-1] + b"x")
        with pytest.raises(WorkError, match=r"train-000001\.tar: not the file that its manifest"):
            _images(copy)
        assert not (copy / "data" / "train-000001.tar").exists()
        (shards / "metadata" / "train-000000.parquet").write_bytes(b"PAR1")
        shutil.rmtree(copy)
        with pytest.raises(WorkError, match=r"train-000000\.parquet: not the file that its manif"):
            local_shards(url)


def test_only_the_cache_names_addresses(shards: Path, tmp_path: Path) -> None:
    """Shards that somebody sends along with a file of that name fetch nothing."""
    sent = tmp_path / "sent"
    shutil.copytree(shards, sent)
    (sent / "source.json").write_text('{"address": "http://127.0.0.1:9/shards"}')
    assert address_of(sent) is None
    assert torch.equal(_images(sent), _images(shards))


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with web_server(tmp_path) as (url, _), pytest.raises(UsageError, match=r"no manifest\.json"):
        local_shards(f"{url}/absent")
    with pytest.raises(UsageError, match="not an address"):
        local_shards("s3://")


def test_a_cache_smaller_than_the_shards(shards: Path, cache: Path) -> None:
    """Every tar is fetched as often as it takes; the pixels are the same."""
    with web_server(shards) as (url, asked):
        copy = local_shards(url)
        samples = read_samples(copy, "train", read_labels(copy))
        limit = (shards / "data" / "train-000000.tar").stat().st_size * 1.5e-9
        tars = Tars(copy, limit)
        for _ in range(2):
            for tar in samples.tars:
                assert tars.file(tar).read_bytes() == (shards / "data" / tar.name).read_bytes()
                assert len(list(copy.glob("data/*.tar"))) == 1
        assert len(_fetched(asked, ".tar")) == 4


def test_shards_in_memory(shards: Path) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(shards), "/bucket/small", recursive=True)
    try:
        copy = local_shards("memory://bucket/small")
        assert torch.equal(_images(copy), _images(shards))
    finally:
        store.rm("/bucket", recursive=True)


def test_shards_on_the_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private repository: the token of the environment opens it."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    HfFileSystem.clear_instance_cache()
    layout = make_dataset(tmp_path / "data", 30)
    build_shards(layout, "main")
    directory = layout.shards("main")
    publish(directory)
    copy = local_shards(f"hf://datasets/{USER}/main")
    assert data_sha256(copy) == data_sha256(directory)
    assert torch.equal(_images(copy), _images(directory))


def test_training_and_evaluation_from_s3(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is the same one, bit for bit, as from the directory."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with moto_server() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{port}")
        make_bucket(port, "places")
        url = "s3://places/shards/small"
        remote = open_remote(url)
        for path in shards.rglob("*.*"):
            remote.put(path, path.relative_to(shards).as_posix())
        config = tiny_config("epochs=1")
        there = run_training(config, url, tmp_path / "there", say=lambda _: None)
        here = run_training(config, shards, tmp_path / "here", say=lambda _: None)
        assert Path(there["run"]).name == Path(here["run"]).name
        assert Path(there["model"]).read_bytes() == Path(here["model"]).read_bytes()
        figures = [evaluate_model(Path(there["run"]), where) for where in (url, shards)]
        assert figures[0] == figures[1]
