import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from shards.errors import LostFoundError, UsageError, WorkError
from tests.shards.hub.conftest import hub  # noqa: F401
from tests.shards.hub.server import USER, Hub
from training.deploy.repository import PushOptions, pull_model, pulled, push_model
from training.model.modelfile import load_model

NAME = f"{USER}/places"


@pytest.fixture
def model(run: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may change, with something beside it."""
    path = tmp_path / "made" / "model.safetensors"
    path.parent.mkdir()
    shutil.copyfile(run / "model.safetensors", path)
    path.with_name("model.onnx").write_bytes(b"as if")
    path.with_name("secret.txt").write_text("stays here")
    return path


def _push(model: Path, **options: object) -> dict[str, object]:
    return push_model(model, PushOptions(**({"repo": "places"} | options)))  # type: ignore[arg-type]


def test_there_and_back(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    pushed = _push(model, tag="v1")
    assert pushed["repo"] == NAME
    assert pushed["url"] == f"{hub.url}/{NAME}"
    repo = hub.store.repos[NAME]
    assert repo.private
    files = repo.files()
    assert set(files) == {".gitattributes", "README.md", "model.onnx", "model.safetensors"}
    assert repo.tags == {"v1": pushed["commit"]}
    assert _push(model)["files_new"] == 0
    assert not model.with_name("README.md").exists()
    out = tmp_path / "pulled"
    pulled = pull_model(NAME, out, "v1")
    assert pulled["commit"] == pushed["commit"]
    assert sorted(path.name for path in out.iterdir()) == pulled["files"]
    assert (out / "model.safetensors").read_bytes() == model.read_bytes()
    card = ModelCard.load(out / "README.md")
    assert f"lostfound predict hf://{NAME}" in card.text
    served = hub.served
    assert pull_model(NAME, out)["files_new"] == 0
    assert hub.served == served


def test_a_changed_model_is_a_new_commit(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    first = _push(model)["commit"]
    model.with_name("model.onnx").write_bytes(b"another")
    second = _push(model)
    assert second["commit"] != first
    assert second["files_new"] == 1
    out = tmp_path / "old"
    pull_model(NAME, out, str(first))
    assert (out / "model.onnx").read_bytes() == b"as if"
    pull_model(NAME, out)
    assert (out / "model.onnx").read_bytes() == b"another"


def test_another_repository_is_left_alone(hub: Hub, model: Path) -> None:  # noqa: F811
    store = hub.store
    repo = store.create(NAME, private=True)
    files = repo.files() | {"config.json": store.add_small("config.json", b"{}")}
    store._commit(repo, files)
    with pytest.raises(UsageError, match=r"other files \(config.json\)"):
        _push(model)
    assert set(repo.files()) == {".gitattributes", "config.json"}
    _push(model, overwrite=True)
    assert {"config.json", "model.safetensors"} <= set(repo.files())
    with pytest.raises(UsageError, match="is private"):
        _push(model, public=True, overwrite=True)


def test_a_damaged_model_is_not_pushed(hub: Hub, model: Path) -> None:  # noqa: F811
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(WorkError, match="not a model file"):
        _push(model)
    assert hub.store.repos == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no model", "not a model file"), (None, "holds no model.safetensors")],
)
def test_foreign_content_is_refused(
    hub: Hub,  # noqa: F811
    tmp_path: Path,
    content: bytes | None,
    message: str,
) -> None:
    store = hub.store
    repo = store.create(NAME, private=False)
    files = repo.files() | {"evil.py": store.add_small("evil.py", b"print()")}
    if content is not None:
        files["model.safetensors"] = store.add_small("model.safetensors", content)
    store._commit(repo, files)
    with pytest.raises(WorkError, match=message) as caught:
        pull_model(NAME, tmp_path / "out")
    assert str(caught.value).startswith(f"{NAME}: ")
    assert "tmp" not in str(caught.value)
    assert not list((tmp_path / "out").glob("*"))


def test_bytes_that_changed_on_the_way(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    _push(model)
    entry = hub.store.repos[NAME].files()["model.safetensors"]
    stored = hub.store.content(entry)
    data = bytearray(stored.read_bytes())
    data[-1] ^= 1
    stored.write_bytes(data)
    with pytest.raises(LostFoundError) as caught:
        pull_model(NAME, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_what_is_not_there(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(UsageError, match="no such model"):
        pull_model(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    _push(model)
    with pytest.raises(LostFoundError, match="Invalid rev"):
        pull_model(NAME, tmp_path / "out", "v9")


def test_another_readme_stays(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    _push(model)
    (tmp_path / "README.md").write_text("# Our project\n")
    with pytest.raises(UsageError, match=r"README\.md: another file, which stays"):
        pull_model(NAME, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Our project\n"
    assert not (tmp_path / "model.safetensors").exists()


def test_a_public_model_needs_no_token(
    hub: Hub,  # noqa: F811
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _push(model, public=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match="no Hugging Face token"):
        _push(model)
    with pytest.raises(UsageError, match="no Hugging Face token"):
        pull_model("places", tmp_path / "out")
    assert pull_model(NAME, tmp_path / "out")["files_new"] == 3


def test_an_address_in_place_of_a_file(
    hub: Hub,  # noqa: F811
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))
    for word in ("hf://", "hf://places", "hf://a/b/c", "hf:///b"):
        with pytest.raises(UsageError, match="write hf://OWNER/NAME"):
            pulled(word)
    commit = _push(model)["commit"]
    path = pulled(f"hf://{NAME}")
    assert path.is_relative_to(tmp_path / "cache")
    assert load_model(path).description == load_model(model).description
    served = hub.served
    assert pulled(f"hf://{NAME}") == path
    assert hub.served == served
    asked = len(hub.requests)
    assert pulled(f"hf://{NAME}@{commit}") == path
    assert len(hub.requests) == asked


@pytest.mark.slow
def test_through_xet(hub: Hub, model: Path, tmp_path: Path) -> None:  # noqa: F811
    """In a process of its own: the client decides about Xet when it is imported."""
    words = ["push", str(model), "--repo", "places", "--json"]
    program = "import sys; from lostfound import main; main(sys.argv[1:])"
    child = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "HF_HUB_DISABLE_XET": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout)["files_new"] == 3
    assert "xorb" in hub.requests
    pull_model(NAME, tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == model.read_bytes()
