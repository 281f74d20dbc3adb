"""What is published is what was built; a new version replaces the old one whole."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from lostfound import main
from shards.build import BuildOptions, build_shards
from shards.errors import UsageError
from shards.hub.publish import DefectsError
from shards.read import iterate_samples
from shards.verify import verify_shards
from tests.shards.datasets import make_dataset, metadata_row, picture, snapshot, write_selection
from tests.shards.hub.conftest import publish
from tests.shards.hub.server import TOKEN, USER, Hub

NAME = f"{USER}/main"


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def checkout(hub: Hub, directory: Path, revision: str = "main") -> Path:
    """What a user downloads, without what the Hub and its client add."""
    snapshot_download(
        NAME, repo_type="dataset", revision=revision, local_dir=directory, endpoint=hub.url
    )
    return directory


def test_what_arrives_is_what_was_built(hub: Hub, shards: Path, tmp_path: Path) -> None:
    published = publish(shards)
    assert hub.store.repos[NAME].private
    assert published.private
    assert published.repo == NAME
    assert published.commit == hub.store.repos[NAME].branches["main"]
    arrived = checkout(hub, tmp_path / "checkout")
    found = {
        path: data
        for path, data in snapshot(arrived).items()
        if not path.startswith(".cache/") and path != ".gitattributes"
    }
    assert found == snapshot(shards)
    assert verify_shards(arrived).defects == []


LOADER = """
import json, sys
from datasets import load_dataset

found = []
for where in sys.argv[1:]:
    for streaming in (False, True):
        rows = {}
        for split in ("train", "validation", "test"):
            for row in load_dataset(where, split=split, streaming=streaming):
                assert row["json"]["split"] == split
                assert row["jpg"].size == (64, 36)
                rows[row["__key__"]] = row["json"]
        found.append(rows)
print(json.dumps(found))
"""


def test_datasets_loads_the_checkout_and_the_repository(
    hub: Hub, shards: Path, tmp_path: Path
) -> None:
    publish(shards)
    arrived = checkout(hub, tmp_path / "checkout")
    # In a process of its own: `datasets` looks for the Hub's address when it is imported.
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(arrived), NAME],
        stdout=subprocess.PIPE,
        env={**os.environ, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        check=True,
        timeout=120,
    )
    samples = [s for tar in (shards / "data").iterdir() for s in iterate_samples(tar)]
    expected = {sample.key: sample.record for sample in samples}
    assert json.loads(done.stdout) == [expected] * 4


def test_publishing_again_sends_nothing(hub: Hub, shards: Path) -> None:
    first = publish(shards)
    sent = hub.uploaded
    again = publish(shards)
    assert again.commit == first.commit
    assert (again.changes.send, again.changes.delete) == ([], [])
    assert hub.uploaded == sent


def test_a_small_change_sends_little_and_old_files_go(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sample of a hundred leaves, as by a takedown: at most 5 % of the bytes go."""
    large = partial(picture, width=320, height=180)
    monkeypatch.setattr("tests.shards.datasets.picture", large)
    options = BuildOptions(shard_bytes=160_000)
    rows = [metadata_row(number) for number in range(100)]
    layout = make_dataset(tmp_path / "dataset", rows)
    build_shards(layout, "main", options)
    first = publish(layout.shards("main"))
    assert hub.uploaded == first.bytes > 5_000_000
    write_selection(layout, "main", rows[1:])
    build_shards(layout, "main", options)
    second = publish(layout.shards("main"))
    assert hub.uploaded - first.bytes == second.bytes
    assert 0 < second.bytes <= 0.05 * first.bytes
    repo = hub.store.repos[NAME]
    # One commit made the repository, and one for each version.
    assert len(repo.commits) == 3
    assert set(repo.files()) == {".gitattributes", *snapshot(layout.shards("main"))}


def test_files_that_a_version_lacks_go(hub: Hub, shards: Path, tmp_path: Path) -> None:
    publish(shards)
    layout = make_dataset(tmp_path / "less", 6)
    build_shards(layout, "main")
    assert publish(layout.shards("main")).changes.delete
    files = hub.store.repos[NAME].files()
    assert set(files) == {".gitattributes", *snapshot(layout.shards("main"))}


def test_files_added_by_hand_stay(hub: Hub, shards: Path) -> None:
    publish(shards)
    repo = hub.store.repos[NAME]
    licence = hub.store.add_small("LICENSE", b"do as you like\n")
    repo.files()["LICENSE"] = licence
    publish(shards)
    assert "LICENSE" in repo.files()


def test_a_dry_run_changes_nothing(
    hub: Hub, shards: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("publish", shards, "--repo", "main", "--dry-run") == 0
    lines = capfd.readouterr().out.splitlines()
    assert hub.store.repos == {}
    assert {line.split()[-1] for line in lines if line.startswith("send")} == set(snapshot(shards))
    assert run("publish", shards, "--repo", "main", "--json") == 0
    summary = json.loads(capfd.readouterr().out)
    assert summary["bytes_new"] == sum(map(len, snapshot(shards).values()))
    assert run("publish", shards, "--repo", "main", "--dry-run", "--json") == 0
    summary = json.loads(capfd.readouterr().out)
    assert (summary["send"], summary["delete"], summary["commit"]) == ([], [], None)
    assert summary["files_there_already"] == len(snapshot(shards))


def test_what_verify_refuses_is_not_published(
    hub: Hub, shards: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (shards / "labels.json").write_text("{}")
    with pytest.raises(DefectsError):
        publish(shards)
    assert run("publish", shards, "--repo", "main") == 1
    captured = capfd.readouterr()
    assert captured.out.startswith("labels.json: ")
    assert len(captured.err.splitlines()) == 1
    assert hub.requests == []


def test_a_tag_names_a_version(hub: Hub, shards: Path, tmp_path: Path) -> None:
    first = publish(shards, tag="v1")
    assert publish(shards, tag="v1").tag == "v1"
    assert hub.store.repos[NAME].tags == {"v1": first.commit}
    layout = make_dataset(tmp_path / "other", 9)
    build_shards(layout, "main")
    with pytest.raises(UsageError, match="has a version of that name"):
        publish(layout.shards("main"), tag="v1")
    assert publish(layout.shards("main"), tag="v2").commit != first.commit
    assert verify_shards(checkout(hub, tmp_path / "old", "v1")).samples == 30


def test_large_objects_go_in_parts(hub: Hub, shards: Path, tmp_path: Path) -> None:
    hub.multipart_bytes = 10_000
    publish(shards)
    assert "complete" in hub.requests
    assert verify_shards(checkout(hub, tmp_path / "checkout")).defects == []


def test_somebody_elses_repository_is_not_overwritten(hub: Hub, shards: Path) -> None:
    repo = hub.store.create(NAME, private=True)
    repo.files()["train.csv"] = hub.store.add_small("train.csv", b"a,b\n")
    with pytest.raises(UsageError, match="did not publish; choose another --repo, or say --over"):
        publish(shards)
    assert set(repo.files()) == {".gitattributes", "train.csv"}
    publish(shards, overwrite=True)
    assert set(repo.files()) == {".gitattributes", *snapshot(shards)}


def test_another_dataset_is_not_overwritten(hub: Hub, shards: Path, tmp_path: Path) -> None:
    layout = make_dataset(tmp_path / "other", 9, selection="other")
    build_shards(layout, "other")
    publish(layout.shards("other"))
    with pytest.raises(UsageError, match="holds the dataset 'other'"):
        publish(shards)
    publish(shards, overwrite=True)


def test_an_empty_repository_made_on_a_page_is_taken(hub: Hub, shards: Path) -> None:
    repo = hub.store.create(NAME, private=True)
    repo.files()["README.md"] = hub.store.add_small("README.md", b"---\nlicense: mit\n---\n")
    publish(shards)
    assert set(repo.files()) == {".gitattributes", *snapshot(shards)}


def test_private_and_public_are_not_changed_by_the_way(hub: Hub, shards: Path) -> None:
    publish(shards)
    with pytest.raises(UsageError, match="is private; publish without --public"):
        publish(shards, public=True)
    publish(shards, repo="open", public=True)
    with pytest.raises(UsageError, match="is public; say --public"):
        publish(shards, repo="open")


@pytest.mark.parametrize("name", ["a b", "x/y/z", "--", "datasets/walker/main", "a..b", ""])
def test_names_that_the_hub_does_not_have(hub: Hub, shards: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"--repo .*Write NAME or NAMESPACE/NAME"):
        publish(shards, repo=name)
    assert hub.requests == []


def test_the_token_is_shown_nowhere(
    hub: Hub, shards: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("publish", shards, "--repo", "main")
    hub.fail("tree", 500, times=99)
    run("publish", shards, "--repo", "main")
    hub.fail("whoami", 401, message=f"Bearer {TOKEN} is wrong")
    run("publish", shards, "--repo", "main")
    captured = capfd.readouterr()
    assert TOKEN not in captured.out + captured.err
    assert "signature" not in captured.out + captured.err
