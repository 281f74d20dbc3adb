"""Datasets on S3-compatible storage: each sealed segment arrives once, whatever goes wrong."""

import hashlib
import itertools
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from crawler.ledger import Ledger
from crawler.sent import parse
from crawler.sources.captured import captures_of
from crawler.spool import Spool
from crawler.state import known_dataset, opened_dataset, take_up
from crawler.status import crawl_status
from crawler.upload import upload_dataset, upload_sealed
from shards import remote as remotes
from shards.capture import Capture
from shards.denyfile import add_rules, load_denylist
from shards.denylist import Kind, Rule
from shards.errors import LostFoundError, UsageError, WorkError
from shards.layout import DatasetLayout
from shards.local_state import local_state
from shards.remote import open_remote
from shards.segment import read_segment
from tests.crawler.s3 import CREDENTIALS, HOST, Proxy, make_bucket, moto_server, proxy_before
from tests.crawler.test_spool import capture, image

numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with moto_server() as port:
        make_bucket(port, "bucket")
        yield port


@pytest.fixture(scope="module")
def module_proxy(server: int) -> Iterator[Proxy]:
    with proxy_before(server) as proxy:
        yield proxy


@pytest.fixture
def proxy(module_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Proxy:
    """A calm proxy, and an environment that leads to it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{module_proxy.port}")
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(remotes, "PAUSE_SECONDS", 0.01)
    module_proxy.calm()
    return module_proxy


@pytest.fixture
def url(proxy: Proxy) -> str:
    """A new dataset in the bucket."""
    return f"s3://bucket/data-{next(numbers)}"


def fill(layout: DatasetLayout, captures: int, first: int = 0, writer: str = "w0") -> None:
    """Commits captures into small segments and seals them all."""
    with Spool(layout.raw_source("geoguessr"), writer, segment_bytes=20_000) as spool:
        for number in range(first, first + captures):
            spool.add(capture(number), image(number), "jpg", task_id=f"t{number % 3}")
        spool.seal()


def remote_tars(url: str) -> list[str]:
    return sorted(name for name in open_remote(url).sizes("raw") if name.endswith(".tar"))


def remote_captures(url: str, tmp_path: Path) -> dict[str, bytes]:
    """Key to image of everything there; fails on a key that stands there twice."""
    found: dict[str, bytes] = {}
    for name in remote_tars(url):
        local = tmp_path / "down" / name
        open_remote(url).fetch(f"raw/{name}", local)
        data = local.read_bytes()
        for sample in read_segment(local):
            assert sample.key not in found
            found[sample.key] = data[sample.image_offset : sample.image_offset + sample.image_size]
    return found


def expected(count: int) -> dict[str, bytes]:
    return {f"test-{number}": image(number) for number in range(count)}


def local_tars(layout: DatasetLayout) -> list[str]:
    return sorted(path.name for path in layout.raw.glob("*/*.tar"))


def test_ranges_of_a_file(url: str) -> None:
    remote = open_remote(url)
    remote.write(bytes(range(100)), "a/file")
    assert remote.read_range("a/file", 10, 3) == bytes([10, 11, 12])
    assert remote.read_range("a/file", 98, 10) == bytes([98, 99])
    with pytest.raises(WorkError, match="a/none"):
        remote.read_range("a/none", 0, 1)


def test_a_dataset_arrives_and_its_ledgers_stay(url: str, tmp_path: Path) -> None:
    with opened_dataset(url) as layout:
        assert layout.root == local_state(url)
        fill(layout, 30)
        sealed = local_tars(layout)
        (layout.raw_source("geoguessr") / "source.json").write_text('{"license":"x"}')
        (layout.raw_source("geoguessr") / "session-1.json").write_text("a cookie")
    assert len(sealed) > 2
    assert local_tars(layout) == []
    assert [name.partition("/")[2] for name in remote_tars(url)] == sealed
    assert remote_captures(url, tmp_path) == expected(30)
    assert open_remote(url).read("raw/geoguessr/source.json") == b'{"license":"x"}'
    assert not any("session" in name for name in open_remote(url).sizes(""))
    status = crawl_status(known_dataset(url)).sources["geoguessr"]
    assert (status.captures, status.segments_sealed) == (30, len(sealed))


def test_segments_leave_while_the_crawl_goes_on(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.state.INTERVAL_SECONDS", 0.05)
    with opened_dataset(url) as layout:
        fill(layout, 12)
        while local_tars(layout):
            pass
        assert remote_captures(url, tmp_path) == expected(12)
        fill(layout, 12, first=12)
    assert remote_captures(url, tmp_path) == expected(24)


def test_the_same_command_goes_on(url: str, tmp_path: Path) -> None:
    for part in range(3):
        with opened_dataset(url) as layout:
            fill(layout, 8 * (part + 1))
    assert remote_captures(url, tmp_path) == expected(24)


def test_another_machine_takes_it_up(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_dataset(url) as layout:
        fill(layout, 20)
        fill(layout, 5, first=100, writer="w1")
    with closing(Ledger(layout.raw_source("geoguessr") / "w0.ledger.sqlite")) as ledger:
        rows, segments = ledger.rows(), ledger.segments()
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "elsewhere"))
    with opened_dataset(url) as other:
        assert other.root != layout.root
        with closing(Ledger(other.raw_source("geoguessr") / "w0.ledger.sqlite")) as ledger:
            assert (ledger.rows(), ledger.segments()) == (rows, segments)
        fill(other, 40)  # the first 20 are known
    found = remote_captures(url, tmp_path)
    assert found == expected(40) | {f"test-{n}": image(n) for n in range(100, 105)}


def test_a_restore_that_was_interrupted_begins_anew(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_dataset(url) as layout:
        fill(layout, 20)
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "elsewhere"))
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "mark_sealed", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            opened_dataset(url).__enter__()
    with opened_dataset(url) as other:
        fill(other, 30)
    assert remote_captures(url, tmp_path) == expected(30)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def test_busy_slow_and_broken_answers_are_tried_again(
    url: str, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.refuse = lambda number, method, path: number in (0, 4, 9, 14)
    proxy.cut = lambda number, method, path: number in (2, 7, 12)
    proxy.delay = lambda number, method, path: 4.0 if number == 6 else 0.0
    with opened_dataset(url) as layout:
        fill(layout, 12)
    assert local_tars(layout) == []
    assert len(proxy.seen) > 14
    proxy.calm()
    assert remote_captures(url, tmp_path) == expected(12)


def test_storage_that_stays_away_loses_nothing(
    url: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "SERVICE_ATTEMPTS", 1)

    def crawl() -> None:
        with opened_dataset(url) as layout:
            fill(layout, 12)
            proxy.refuse = lambda number, method, path: True

    layout = DatasetLayout(local_state(url))
    with pytest.raises(WorkError, match="nothing is lost") as caught:
        crawl()
    assert "\n" not in str(caught.value)
    assert "secret-for-tests" not in str(caught.value)
    assert len(local_tars(layout)) > 1
    proxy.calm()
    with opened_dataset(url):
        pass
    assert local_tars(layout) == []
    assert remote_captures(url, tmp_path) == expected(12)


def test_a_crawl_that_failed_sends_what_is_sealed(url: str, tmp_path: Path) -> None:
    def crawl() -> None:
        with opened_dataset(url) as layout:
            fill(layout, 12)
            raise WorkError("the site is gone")

    with pytest.raises(WorkError, match="the site is gone"):
        crawl()
    assert remote_captures(url, tmp_path) == expected(12)


def test_ctrl_c_does_not_wait_for_storage_that_is_away(
    url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "SERVICE_ATTEMPTS", 1)
    monkeypatch.setattr(remotes, "ATTEMPTS", 1_000_000)
    monkeypatch.setattr("crawler.state.INTERVAL_SECONDS", 0.01)

    def crawl() -> None:
        with opened_dataset(url) as layout:
            proxy.calm()
            proxy.refuse = lambda number, method, path: True
            fill(layout, 12)
            while not proxy.seen:
                pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crawl()
    assert local_tars(DatasetLayout(local_state(url)))


def _upload(url: str, root: str) -> None:
    remote = open_remote(url)
    take_up(remote, DatasetLayout(Path(root)))
    upload_dataset(remote, DatasetLayout(Path(root)))


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(range(1, 14, 5), id="some"),
        pytest.param(range(20), id="all", marks=pytest.mark.slow),
    ],
)
def test_killed_at_a_request(url: str, proxy: Proxy, tmp_path: Path, requests: range) -> None:
    """SIGKILL before and after the storage does what the n-th request asks."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["crawler.state", "pyarrow.fs"])
    layout = DatasetLayout(local_state(url))
    kills = total = 0
    for request, after in itertools.product(requests, (False, True)):
        total += 4
        fill(layout, total)
        proxy.calm()
        process = processes.Process(target=_upload, args=(url, str(layout.root)))
        process.start()
        assert process.pid is not None
        proxy.kill = (process.pid, request, after)
        process.join()
        kills += process.exitcode != 0
    assert kills > len(requests)
    _upload(url, str(layout.root))
    assert local_tars(layout) == []
    assert remote_captures(url, tmp_path) == expected(total)


def test_never_overwrites_what_another_machine_sent(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = DatasetLayout(tmp_path / "ours"), DatasetLayout(tmp_path / "theirs")
    remote = open_remote(url)
    for layout in (ours, theirs):
        take_up(remote, layout)
    fill(theirs, 5)
    upload_dataset(remote, theirs)
    fill(ours, 5, first=50)
    with pytest.raises(WorkError, match=r"another segment has this name.*was not sent"):
        upload_dataset(remote, ours)
    assert local_tars(ours) == ["w0-000000.tar"]
    assert remote_captures(url, tmp_path) == expected(5)
    fill(theirs, 10)
    upload_dataset(remote, theirs)
    with pytest.raises(WorkError, match="not known to"):
        take_up(remote, ours)


def test_a_segment_that_is_nowhere_is_named(url: str) -> None:
    with opened_dataset(url) as layout:
        fill(layout, 5)
    remote = open_remote(url)
    remote.files.delete_file(f"{remote.path}/raw/geoguessr/w0-000000.tar")
    with pytest.raises(WorkError, match=r"w0-000000.tar: gone from there"):
        take_up(remote, layout)


def test_damage_there_is_seen_and_nothing_removed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = DatasetLayout(tmp_path / "data")
    fill(layout, 5)
    [name] = local_tars(layout)
    remote = open_remote(url)
    size = (layout.raw_source("geoguessr") / name).stat().st_size
    remote.write(bytes(size), f"raw/geoguessr/{name}")
    with pytest.raises(WorkError, match="another segment has this name"):
        upload_sealed(remote, layout.raw_source("geoguessr"))
    monkeypatch.setattr(remotes.Remote, "exists", lambda *_: False)
    monkeypatch.setattr(remotes.Remote, "_holds", lambda *_: False)
    with pytest.raises(WorkError, match="not what was sent"):
        upload_sealed(remote, layout.raw_source("geoguessr"))
    assert local_tars(layout) == [name]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damage_here_is_seen_before_it_is_sent(url: str, tmp_path: Path, damage: str) -> None:
    layout = DatasetLayout(tmp_path / "data")
    fill(layout, 5)
    [tar] = layout.raw.glob("*/*.tar")
    data = bytearray(tar.read_bytes())
    data[600] ^= 1
    tar.write_bytes(data[:-512] if damage == "cut" else data)
    with pytest.raises(WorkError, match=r"w0-000000.tar: not what its ledger says, and not sent"):
        upload_dataset(open_remote(url), layout)
    assert tar.exists()
    assert remote_tars(url) == []


@pytest.mark.parametrize("size", [0, 1, remotes.PART_BYTES, 2 * remotes.PART_BYTES + 17])
def test_files_of_all_sizes_are_compared(url: str, tmp_path: Path, size: int, proxy: Proxy) -> None:
    local = tmp_path / "file"
    local.write_bytes(hashlib.shake_128(b"x").digest(size))
    remote = open_remote(url)
    remote.put(local, "a/file")
    # By its ETag, without being read back.
    assert not [path for method, path in proxy.seen if method == "GET" and "a/file" in path]
    assert remote.holds(local, "a/file")
    if size:
        data = bytearray(local.read_bytes())
        data[-1] ^= 1
        local.write_bytes(data)
        assert not remote.holds(local, "a/file")


def test_storage_without_etags_and_renames(tmp_path: Path) -> None:
    import fsspec

    url = f"memory://some/data-{next(numbers)}"
    remote = open_remote(url)
    layout = DatasetLayout(tmp_path / "data")
    fill(layout, 9)
    assert upload_dataset(remote, layout) > 0
    assert remote_captures(url, tmp_path) == expected(9)
    names = [path.rpartition("/")[2] for path in fsspec.filesystem("memory").find(url)]
    assert not [name for name in names if name.startswith(".")]
    take_up(remote, layout)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", WorkError, "not the rows of a segment"),
        ("not json", WorkError, "not the rows of a segment"),
        ('{"version":1,"bytes":1,"sha256":"x"}\n{"key":1}', WorkError, "not the rows"),
        ('{"version":1,"bytes":true,"sha256":"x"}', WorkError, "not the rows"),
        ('{"version":7}', UsageError, "version 7, but this release knows 1; update lostfound"),
        ("[]", WorkError, "not the rows"),
    ],
)
def test_rows_from_elsewhere_are_checked(
    url: str, tmp_path: Path, text: str, error: type[LostFoundError], message: str
) -> None:
    remote = open_remote(url)
    remote.write(b"a tar", "raw/geoguessr/w0-000000.tar")
    layout = DatasetLayout(tmp_path / "data")
    with pytest.raises(WorkError, match="a segment without its rows"):
        take_up(remote, layout)
    remote.write(text.encode(), "raw/geoguessr/w0-000000.rows.jsonl")
    with pytest.raises(error, match=message):
        take_up(remote, layout)
    assert not list(layout.raw.glob("*/*.ledger.sqlite"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://", "not an address"),
        ("nothing://bucket/x", "storage cannot be used"),
        ("s3://key:verysecret@bucket/x", "may hold no credentials"),
        ("s3://bucket/x?secret_key=verysecret", "may hold no credentials"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_remote(address)
    assert "verysecret" not in str(caught.value)


def test_an_unknown_bucket_and_a_server_that_is_away(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(WorkError, match=r"s3://nobucket/x.*does not exist.*check the address"):
        open_remote("s3://nobucket/x").write(b"1", "a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:1")
    monkeypatch.setattr(remotes, "SERVICE_ATTEMPTS", 1)
    with pytest.raises(WorkError, match=r"s3://bucket/x.*connect"):
        opened_dataset("s3://bucket/x").__enter__()


def test_an_unknown_bucket_is_said_before_the_crawl(proxy: Proxy) -> None:
    with (
        pytest.raises(UsageError, match="no bucket no-bucket; make it first"),
        opened_dataset("s3://no-bucket/world"),
    ):
        pytest.fail("nothing may be crawled")


def test_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path))
    assert local_state("s3://b/a") == local_state("s3://b/a/")
    assert local_state("s3://b/a") != local_state("s3://b/a-")
    assert local_state("s3://b/a").parent == tmp_path
    assert local_state("s3://b/a").name.startswith("b-a-")
    monkeypatch.delenv("LOSTFOUND_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert local_state("s3://b/a").parent == tmp_path / "xdg" / "lostfound"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_state("s3://b/a").parent == tmp_path / ".local" / "state" / "lostfound"


def test_a_directory_is_crawled_into_as_it_is(tmp_path: Path) -> None:
    with opened_dataset(str(tmp_path / "data")) as layout:
        assert layout.root == tmp_path / "data"
    assert not os.path.lexists(tmp_path / "data")


def test_the_rows_say_what_the_tar_holds(url: str) -> None:
    with opened_dataset(url) as layout:
        fill(layout, 3)
    remote = open_remote(url)
    text = remote.read("raw/geoguessr/w0-000000.rows.jsonl")
    assert (layout.raw_source("geoguessr") / "w0-000000.rows.jsonl").read_bytes() == text
    tar = remote.read("raw/geoguessr/w0-000000.tar")
    sent = parse(text, 0, "there")
    assert (sent.bytes, sent.sha256) == (len(tar), hashlib.sha256(tar).hexdigest())
    assert sent.captures == [capture(number) for number in range(3)]
    for row in sent.rows:
        stored = tar[row.image_offset : row.image_offset + row.image_size]
        assert stored == expected(3)[row.key]
        assert hashlib.sha256(stored).hexdigest() == row.sha256


def test_records_of_sent_segments_can_be_read_and_hold_any_text(url: str) -> None:
    odd = Capture(key="odd", source="s", source_id="1", attribution="a\u2028b\x85c\nd\x1ee\u00e9")
    with opened_dataset(url) as layout:
        with Spool(layout.raw_source("geoguessr"), "w0") as spool:
            spool.add(odd, image(1), "jpg")
            spool.add(capture(2), image(2), "jpg")
            spool.seal()
        before = list(captures_of(layout.raw_source("geoguessr")))
    assert local_tars(layout) == []
    assert list(captures_of(layout.raw_source("geoguessr"))) == before == [odd, capture(2)]


def test_deny_rules_of_both_sides_hold(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_dataset(url) as layout:
        add_rules(layout, [Rule(Kind.ID, "one", "geoguessr")])
    monkeypatch.setenv("LOSTFOUND_STATE", str(tmp_path / "elsewhere"))
    add_rules(DatasetLayout(local_state(url)), [Rule(Kind.ID, "two", "geoguessr")])
    with opened_dataset(url) as other:
        values = {rule.value for rule in load_denylist(other).rules}
    assert values == {"one", "two"}
    assert b"two" in open_remote(url).read("denylist.csv")
