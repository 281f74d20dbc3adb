"""The verbs of this stage, as a user types them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import lostfound
from tests.training.shardmaker import PLACES, encode, make_shards, picture

SMALL = ["network=shufflenet_v2_x0_5", "image={width: 32, height: 32}", "batch_size=8", "epochs=1"]


def _run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        lostfound.main([str(word) for word in words])
    found = capsys.readouterr()
    assert isinstance(stop.value.code, int)
    return stop.value.code, found.out, found.err


def test_train_evaluate_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = make_shards(tmp_path / "data" / "shards" / "small")
    code, out, err = _run(
        capsys, "train", "demo", *SMALL, "--shards", shards, "--workers", 0, "--json"
    )
    assert code == 0
    summary = json.loads(out)
    assert Path(summary["run"]).parent == tmp_path / "data" / "runs"
    assert "network: shufflenet_v2_x0_5" in err
    code, out, _ = _run(capsys, "evaluate", summary["run"], "--shards", shards, "--json")
    assert code == 0
    assert json.loads(out)["samples"] == 11
    assert "On 11 photographs: the test split" in Path(summary["card"]).read_text()
    image, broken = tmp_path / "a.jpg", tmp_path / "b.jpg"
    image.write_bytes(encode(picture(PLACES[0], 1)))
    broken.write_bytes(b"")
    code, out, _ = _run(capsys, "predict", summary["model"], image, "--top", 2, "--json")
    assert code == 0
    assert len(json.loads(out)["predictions"][0]["countries"]) == 2
    code, out, err = _run(capsys, "predict", summary["model"], broken, image)
    assert code == 1
    assert "position" in out
    assert err.splitlines() == [line for line in err.splitlines() if line.startswith("lostfound: ")]
    assert str(broken) in err
    with _site(tmp_path) as address:
        code, out, err = _run(capsys, "predict", summary["model"], f"{address}/a.jpg")
        assert (code, out) == (2, "")
        assert "--contact" in err
        words = ["predict", summary["model"], f"{address}/a.jpg", "--json"]
        code, out, _ = _run(capsys, *words, "--contact", "me@example.org")
        assert code == 1
        assert "private_address" in json.loads(out)["predictions"][0]["error"]
        code, out, _ = _run(capsys, *words, "--allow-private")
        assert code == 0
        assert json.loads(out)["predictions"][0]["image"] == f"{address}/a.jpg"


def test_an_evaluation_elsewhere(
    run: Path,
    shards: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model of the Hub lies in the cache, where nobody would look for its evaluation."""
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "cache" / "models" / "places" / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes((run / "model.safetensors").read_bytes())
    (model.parent / "README.md").write_text("# As it was pulled\n")
    words = ["evaluate", model, "--shards", shards, "--split", "validation"]
    code, _, err = _run(capsys, *words)
    assert code == 2
    assert "say where the evaluation goes: --out" in err.splitlines()[-1]
    code, _, _ = _run(capsys, *words, "--out", tmp_path / "found")
    assert code == 0
    assert (tmp_path / "found" / "evaluation-validation" / "evaluation.json").is_file()
    assert sorted(path.name for path in model.parent.iterdir()) == ["README.md", model.name]


@contextmanager
def _site(folder: Path) -> Iterator[str]:
    """Serves a folder on loopback."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "demo", "--shards", "absent", "--out", "runs"], 2, "no such shard directory"),
        (["train", "nope", "--shards", "s"], 2, "no such configuration file"),
        (["train", "demo", "epoch=1", "--shards", "s"], 2, "did you mean epochs?"),
        (["train", "demo", "--shards", "s"], 2, "--out"),
        (["train", "demo", "network=vgg0", "--shards", "s", "--out", "r"], 2, "network vgg0"),
        (["evaluate", "absent", "--shards", "s"], 2, "no such model file"),
        (["predict", "absent", "x.jpg"], 2, "no such model file"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_shards(tmp_path / "s")
    found, out, err = _run(capsys, *words)
    assert found == code
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("lostfound: ")
    assert message in last
