"""Whatever fails, wherever: one line, one whole version on the Hub, and the next run goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shards.build import BuildOptions, build_shards
from shards.errors import LostFoundError, UsageError, WorkError
from tests.shards.datasets import make_dataset, metadata_row, snapshot, write_selection
from tests.shards.hub.conftest import publish
from tests.shards.hub.server import TOKEN, USER, Hub
from tests.shards.hub.store import Entry

NAME = f"{USER}/main"
EVERYWHERE = ["whoami", "info", "create", "tree", "preupload", "batch", "upload", "verify"]
EVERYWHERE += ["yaml", "commit"]
FOR_EVER = 10_000


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = make_dataset(tmp_path_factory.mktemp("few"), 9)
    build_shards(layout, "main")
    return layout.shards("main")


def files(hub: Hub) -> set[str]:
    """What a visitor sees."""
    repo = hub.store.repos.get(NAME)
    return set(repo.files()) - {".gitattributes"} if repo else set()


def size(directory: Path) -> int:
    return sum(map(len, snapshot(directory).values()))


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [*((endpoint, "500") for endpoint in EVERYWHERE), ("upload", "cut"), ("commit", "cut")],
)
def test_a_hub_that_fails_leaves_nothing_half(
    hub: Hub, few: Path, endpoint: str, kind: str
) -> None:
    hub.fail(endpoint, kind, times=FOR_EVER, after=1 if endpoint == "upload" else 0)
    with pytest.raises(LostFoundError) as failed:
        publish(few)
    assert "\n" not in str(failed.value)
    assert "again" in str(failed.value)
    assert files(hub) == set()
    hub.failures.clear()
    publish(few)
    assert files(hub) == set(snapshot(few))
    # Nothing that had arrived was sent again.
    assert hub.uploaded == size(few)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("500", {}),
        ("503", {}),
        ("429", {"headers": {"Retry-After": "1"}}),
        ("cut", {}),
        ("slow", {}),
    ],
)
def test_a_passing_failure_everywhere_is_survived(
    hub: Hub, few: Path, kind: str, more: dict[str, object]
) -> None:
    for endpoint in EVERYWHERE:
        # The client asks once whether the card's header is right.
        if endpoint != "yaml" or kind == "slow":
            hub.fail(endpoint, kind, times=1, **more)
    publish(few)
    assert files(hub) == set(snapshot(few))


@pytest.mark.parametrize("endpoint", ["create", "upload", "commit"])
def test_an_answer_that_gets_lost_is_no_failure(hub: Hub, few: Path, endpoint: str) -> None:
    """The Hub has done it, and nobody is told."""
    hub.fail(endpoint, "lost")
    if endpoint == "create":
        with pytest.raises(WorkError):
            publish(few)
    publish(few)
    assert files(hub) == set(snapshot(few))
    assert len(hub.store.repos[NAME].commits) == 2


REFUSALS = [
    ("whoami", 401, "Invalid user token", "does not accept the token"),
    ("create", 403, "You don't have the rights to create", "the token may not write there"),
    ("create", 409, "You already created this dataset repo", "the name is taken"),
    ("preupload", 403, "write access needed", "the token may not write there"),
    ("batch", 403, "Private repository storage limit reached", "no room left on the Hub"),
    ("batch", 507, "insufficient", "no room left on the Hub"),
    ("upload", 403, "Storage quota exceeded", "no room left on the Hub"),
    ("commit", 402, "Payment required", "no room left on the Hub"),
    ("commit", 412, "A commit has happened since", "somebody else changes it"),
    ("commit", 401, "Invalid credentials in Authorization header", "does not accept the token"),
    ("commit", 413, "too many operations", "refuses"),
    ("tree", 429, "rate limit", "too many requests"),
]


@pytest.mark.parametrize(("endpoint", "status", "says", "shown"), REFUSALS)
def test_a_refusal_says_what_it_is(
    hub: Hub, few: Path, endpoint: str, status: int, says: str, shown: str
) -> None:
    hub.fail(endpoint, status, times=FOR_EVER, message=says)
    with pytest.raises(LostFoundError, match=shown) as failed:
        publish(few)
    assert "\n" not in str(failed.value)
    assert "request-1" not in str(failed.value)
    assert "signature" not in str(failed.value)
    assert files(hub) == set()


def test_without_a_token(hub: Hub, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match="no Hugging Face token: set HF_TOKEN"):
        publish(few)
    assert hub.requests == []


def test_a_wrong_token(hub: Hub, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UsageError, match="does not accept the token") as failed:
        publish(few)
    assert "hf_wrong" not in str(failed.value)
    assert hub.store.repos == {}


def test_somebody_elses_namespace(hub: Hub, few: Path) -> None:
    with pytest.raises(WorkError, match="may not write there"):
        publish(few, repo="somebody/main")


def test_nobody_listens(hub: Hub, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WorkError, match="cannot be reached"):
        publish(few)


def test_a_hub_that_says_nothing_is_not_waited_for(
    hub: Hub, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.hub.client.SILENCE_S", 0.1)
    hub.fail("tree", "slow", times=FOR_EVER)
    with pytest.raises(WorkError, match="cannot be reached"):
        publish(few)


def test_somebody_else_commits_meanwhile(hub: Hub, few: Path) -> None:
    """Their commit stays, ours is refused whole; the next run goes on from theirs."""
    repo = hub.store.create(NAME, private=True)
    theirs = {"key": "file", "value": {"path": "LICENSE"}}

    def commit() -> None:
        def small(value: dict[str, str]) -> Entry:
            return hub.store.add_small(value["path"], b"theirs")

        hub.store.commit(repo, "main", [theirs], small)

    hub.before["commit"] = commit
    with pytest.raises(WorkError, match="somebody else"):
        publish(few)
    assert files(hub) == {"LICENSE"}
    publish(few)
    assert files(hub) == {"LICENSE", *snapshot(few)}


def test_killed_at_any_time_the_old_version_stays_and_the_next_run_goes_on(
    hub: Hub, tmp_path: Path
) -> None:
    rows = [metadata_row(number) for number in range(40)]
    layout = make_dataset(tmp_path / "data", rows)
    options = BuildOptions(shard_bytes=20_000)
    write_selection(layout, "main", rows[:20])
    build_shards(layout, "main", options)
    old = publish(layout.shards("main"))
    old_files = files(hub)
    write_selection(layout, "main", rows)
    build_shards(layout, "main", options)
    planned = publish(layout.shards("main"), dry_run=True)
    start = hub.uploaded
    hub.delay_s = 0.05
    command = [sys.executable, "-c", "from lostfound import main; main()", "publish"]
    command += [str(layout.shards("main")), "--repo", "main"]
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1"}
    for share in (0.2, 0.6):
        child = subprocess.Popen(command, env=environment)
        try:
            while hub.uploaded - start < share * planned.bytes:
                assert child.poll() is None, "it ended before it could be killed"
                time.sleep(0.01)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert hub.store.repos[NAME].branches["main"] == old.commit
        assert files(hub) == old_files
    time.sleep(4 * hub.delay_s)
    hub.delay_s = 0.0
    new = publish(layout.shards("main"))
    assert files(hub) == set(snapshot(layout.shards("main")))
    assert new.commit != old.commit
    # No object came twice; some were in the old version, under another number.
    assert set(hub.arrivals.values()) == {1}
    assert hub.uploaded - start <= planned.bytes
    assert TOKEN not in " ".join(command)
