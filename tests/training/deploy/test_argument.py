"""A model here, at an address and on the Hub: found, fetched once, written beside."""

from pathlib import Path

import pytest

from shards.errors import UsageError
from shards.remote import open_remote
from tests.stores import memory
from training.deploy.argument import located, model_folder
from training.model.modelfile import MODEL_NAME
from training.model.retrieval import FILE_NAME


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))


def test_a_path_stays_as_it_is() -> None:
    assert located("some/run") == Path("some/run")


def test_a_model_at_an_address_is_fetched_once_and_again_when_it_changes() -> None:
    address = memory()
    remote = open_remote(address)
    with pytest.raises(UsageError, match="no such model"):
        located(f"{address}/run")
    remote.write(b"one", f"run/{MODEL_NAME}")
    path = located(f"{address}/run")
    before = path.stat().st_ino
    assert located(f"{address}/run/") == path == located(f"{address}/run/{MODEL_NAME}")
    assert (path.read_bytes(), path.stat().st_ino) == (b"one", before)
    remote.write(b"two", f"run/{MODEL_NAME}")
    assert located(f"{address}/run").read_bytes() == b"two"


def test_embeddings_come_with_a_model_when_they_are_wanted_and_go_with_theirs() -> None:
    address = memory()
    remote = open_remote(address)
    remote.write(b"model", f"run/{MODEL_NAME}")
    remote.write(b"embeddings", f"run/{FILE_NAME}")
    embeddings = located(f"{address}/run").with_name(FILE_NAME)
    assert not embeddings.exists()
    located(f"{address}/run", refined=True)
    assert embeddings.read_bytes() == b"embeddings"
    remote.remove(f"run/{FILE_NAME}")
    located(f"{address}/run", refined=True)
    assert not embeddings.exists()


@pytest.mark.parametrize("name", ["", "/best.safetensors"])
def test_what_is_written_beside_a_model_stands_at_its_address(name: str) -> None:
    address = memory()
    remote = open_remote(address)
    remote.write(b"model", f"run{name or f'/{MODEL_NAME}'}")
    remote.write(b"card", "run/README.md")
    remote.write(b"large", "run/model.onnx")
    with model_folder(f"{address}/run{name}", "README.md", "absent.json") as (path, folder):
        assert sorted(one.name for one in folder.here.iterdir()) == sorted(["README.md", path.name])
        (folder.here / "evaluation.json").write_bytes(b"{}")
        shown = folder.where(folder.here / "evaluation.json")
    assert shown == f"{address}/run/evaluation.json"
    assert remote.read("run/evaluation.json") == b"{}"
    assert remote.read("run/model.onnx") == b"large"


def test_beside_a_model_that_is_not_there() -> None:
    word = f"{memory()}/run"
    with pytest.raises(UsageError, match=f"{word}.*no such model"), model_folder(word):
        pytest.fail("there is no model")
