"""Datasets at an address: the same answers, read by ranges, and nothing else can be opened."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from queries.views.catalogue import SELECTION_SCHEMA, connect
from queries.views.files import VIEWS, Files
from queries.views.sources import open_source
from shards.remote import ENDPOINT_VARIABLE
from shards.schema import SHARD_SCHEMA
from tests.crawler.s3 import CREDENTIALS, HOST, Proxy, make_bucket, moto_server, proxy_before
from tests.queries.conftest import HandMade, duplicate, row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    with moto_server() as port:
        make_bucket(port, "bucket")
        yield port


@pytest.fixture
def proxy(s3: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with proxy_before(s3) as proxy:
        monkeypatch.setenv(ENDPOINT_VARIABLE, f"http://{HOST}:{proxy.port}")
        yield proxy


@pytest.fixture
def dataset(hand_made: HandMade) -> Path:
    """Two parts, a duplicate, a selection and a shard set."""
    first = hand_made.add_part([row(i, "SE") for i in range(4)])
    hand_made.add_part([row(4, "DE"), row(5, status="rejected", reason="blurry")])
    hand_made.add_duplicates([duplicate(first[0], "duplicate_bytes", "test-00001")])
    root = hand_made.layout.root
    folder = root / "selections" / "main"
    folder.mkdir(parents=True)
    rows = pa.Table.from_pylist([{"key": "test-00001", "split": "train"}], SELECTION_SCHEMA)
    pq.write_table(rows, folder / "selection.parquet")
    (folder / "selection.json").write_text("{}")
    write_shards(root / "shards" / "main")
    return root


def write_shards(folder: Path) -> None:
    (folder / "metadata").mkdir(parents=True)
    (folder / "data").mkdir()
    rows = [row(1) | {"split": "train"}, row(4, "DE") | {"split": "train"}]
    table = pa.Table.from_pylist(rows, SHARD_SCHEMA)
    pq.write_table(table, folder / "metadata" / "train-000000.parquet")
    (folder / "data" / "train-000000.tar").write_bytes(b"\0" * 1024)
    (folder / "manifest.json").write_text("{}")


def upload(root: Path, port: int, folder: str) -> None:
    files = fs.S3FileSystem(
        endpoint_override=f"http://{HOST}:{port}",
        access_key=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        secret_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    for file in root.rglob("*"):
        if file.is_file():
            with files.open_output_stream(f"{folder}/{file.relative_to(root)}") as out:
                out.write(file.read_bytes())


class _Ranges(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not asked or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        last = min(int(asked[2] or len(data)), len(data) - 1)
        body = data[int(asked[1]) : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {asked[1]}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def web_server(root: Path) -> Iterator[str]:
    """Serves a folder with its listings, and ranges of its files; yields its address."""
    server = ThreadingHTTPServer((HOST, 0), partial(_Ranges, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def everything(dataset: str) -> dict[str, tuple[list[object], list[tuple[object, ...]]]]:
    """Types and rows of every view."""
    connection = connect(open_source(dataset))
    found = {}
    for view in VIEWS:
        rows = connection.sql(f"FROM {view} ORDER BY ALL")
        found[view] = ([str(kind) for kind in rows.types], rows.fetchall())
    return found


def test_s3_gives_what_the_directory_gives(dataset: Path, proxy: Proxy) -> None:
    upload(dataset, proxy.port, "bucket/same")
    assert everything("s3://bucket/same/") == everything(str(dataset))


def test_a_web_server_that_lists_does(dataset: Path) -> None:
    with web_server(dataset) as address:
        assert everything(address) == everything(str(dataset))


def test_any_file_system_of_fsspec_does(dataset: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for file in dataset.rglob("*.parquet"):
        memory.pipe(f"/bucket/set/{file.relative_to(dataset)}", file.read_bytes())
    counted = connect(open_source("memory://bucket/set")).sql("SELECT count(*) FROM captures")
    assert counted.fetchall() == [(6,)]
    memory.rm("/bucket", recursive=True)


def test_shards_alone_are_a_dataset(dataset: Path, proxy: Proxy, lostfound: Run) -> None:
    upload(dataset / "shards" / "main", proxy.port, "bucket/published")
    for place in (dataset / "shards" / "main", "s3://bucket/published"):
        sql = "SELECT shard_set, key FROM shards JOIN samples USING (key) ORDER BY key"
        code, out, _ = lostfound("query", place, sql, "--format", "json")
        assert code == 0
        name = str(place).rpartition("/")[2]
        assert [one["shard_set"] for one in json.loads(out)] == [name, name]
        _, out, _ = lostfound("query", place, "--name", "country_counts", "--format", "json")
        assert {one["country_code"]: one["kept"] for one in json.loads(out)} == {"SE": 1, "DE": 1}


def test_ranges_are_read_and_not_files(hand_made: HandMade, proxy: Proxy, lostfound: Run) -> None:
    # The SHA-256 sums are what fills the file: 64 random digits each.
    import hashlib

    hand_made.add_part(
        [row(i, sha256=hashlib.sha256(str(i).encode()).hexdigest()) for i in range(20_000)]
    )
    size = hand_made.layout.parts()[0].stat().st_size
    assert size > 500_000
    upload(hand_made.layout.root, proxy.port, "bucket/large")
    proxy.calm()
    sql = "SELECT country_code, count(*) AS n FROM samples GROUP BY ALL"
    code, out, _ = lostfound("query", "s3://bucket/large", sql, "--format", "json")
    assert (code, json.loads(out)) == (0, [{"country_code": "SE", "n": 20_000}])
    assert 0 < proxy.sent < size / 4


REFUSED = [
    "FROM read_parquet('s3://bucket/set/enriched/test/w0-000000.parquet')",
    "FROM read_text('s3://bucket/set/other.txt')",
    "FROM read_blob('http://127.0.0.1/x')",
    "FROM 's3://bucket/set/enriched/test/w0-000000.parquet'",
    "FROM read_text('/etc/hostname')",
    "FROM glob('/*')",
    "COPY (SELECT 1) TO 's3://bucket/set/x.csv'",
    "ATTACH 's3://bucket/x.db'",
]


def test_nothing_else_is_opened(dataset: Path, proxy: Proxy, lostfound: Run) -> None:
    upload(dataset, proxy.port, "bucket/set")
    for sql in REFUSED:
        code, out, error = lostfound("query", "s3://bucket/set", sql)
        assert (code, out, error.count("\n")) == (2, "", 1), sql


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/nothing-there", "no dataset there"),
        ("s3://no-such-bucket/x", "no dataset there"),
        ("s3://user:secret@bucket/x", "no credentials"),
        ("no-such-scheme://x/y", "cannot be used"),
        ("s3:///x", "not an address"),
    ],
)
def test_bad_addresses(proxy: Proxy, lostfound: Run, address: str, said: str) -> None:
    code, _, error = lostfound("query", address, "SELECT 1")
    assert code in (1, 2)
    assert error.count("\n") == 1
    assert said in error
    assert "secret" not in error


def test_a_web_server_without_a_dataset(tmp_path: Path, lostfound: Run) -> None:
    with web_server(tmp_path) as address:
        code, _, error = lostfound("query", address, "SELECT 1")
    assert (code, error.count("\n")) == (2, 1)
    assert "no dataset there" in error


def test_damaged_files_are_named(dataset: Path, proxy: Proxy, lostfound: Run) -> None:
    part = sorted(dataset.glob("enriched/*/*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-9])
    upload(dataset, proxy.port, "bucket/damaged")
    for place in (dataset, "s3://bucket/damaged"):
        code, _, error = lostfound("query", place, "SELECT max(lat) FROM samples")
        assert (code, error.count("\n")) == (1, 1)
        assert "w0-000001.parquet" in error
        assert "make it again" in error


def test_a_damaged_page_is_found(dataset: Path, lostfound: Run) -> None:
    part = sorted(dataset.glob("enriched/*/*.parquet"))[1]
    data = bytearray(part.read_bytes())
    data[4:900] = bytes(896)
    part.write_bytes(data)
    code, _, error = lostfound("query", dataset, "SELECT min(key), max(source_id) FROM captures")
    assert (code, error.count("\n")) == (1, 1)
    assert "w0-000001.parquet: cannot be read" in error


def test_a_link_out_is_not_followed(dataset: Path, tmp_path: Path, lostfound: Run) -> None:
    elsewhere = tmp_path / "elsewhere"
    (dataset / "enriched" / "test").rename(elsewhere)
    (dataset / "enriched" / "test").symlink_to(elsewhere)
    code, out, error = lostfound("query", dataset, "SELECT count(*) FROM captures")
    assert (code, out) == (1, "")
    assert "leads out" in error
    assert lostfound("query", dataset, "SELECT count(*) FROM captures", "--unsafe")[0] == 0


def test_files_are_told_by_their_names() -> None:
    names = [
        "enriched/a/w0-000000.parquet",
        "enriched/a/.tmp-w0.parquet",
        "enriched/a/w0-000000.tar",
        "enriched/a/b/c.parquet",
        "catalog/duplicates.parquet",
        "catalog/other.parquet",
        "selections/one/selection.parquet",
        "selections/one/selection.json",
        "selections/half/selection.parquet",
        "selections/../selection.json",
        "shards/s/metadata/train-000000.parquet",
        "shards/s/metadata/.tmp.parquet",
        "shards/s/manifest.json",
    ]
    files = Files.of(names, "d")
    assert files.parts == ["enriched/a/w0-000000.parquet"]
    assert files.catalog == {"duplicates": "catalog/duplicates.parquet"}
    assert files.selections == {"one": ["selections/one/selection.parquet"]}
    assert files.shards == {"s": ["shards/s/metadata/train-000000.parquet"]}
    own = Files.of(["manifest.json", "metadata/test-000000.parquet", *names], "mine")
    assert own == Files(
        parts=["metadata/test-000000.parquet"], shards={"mine": ["metadata/test-000000.parquet"]}
    )
