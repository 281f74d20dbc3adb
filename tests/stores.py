"""Every kind of store that a dataset may stand in, for tests that run over all of them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shards.store import open_store
from tests.crawler.s3 import CREDENTIALS, HOST, make_bucket, moto_server

BUCKET = "for-tests"


@contextmanager
def s3() -> Iterator[str]:
    """The address of a bucket of a real server; the environment tells where it is."""
    with moto_server() as port, pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{port}")
        make_bucket(port, BUCKET)
        yield f"s3://{BUCKET}"


def memory() -> str:
    """An address that nobody has used."""
    return f"memory://{uuid.uuid4().hex}"


def fill(address: str, folder: Path, *parts: str) -> None:
    """Copies the files of a folder, or of parts of it, to an address."""
    store = open_store(address)
    for part in parts or ("",):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                with store.writing(path.relative_to(folder).as_posix()) as temporary:
                    temporary.write_bytes(path.read_bytes())


def hashes(where: str | Path) -> dict[str, str]:
    """SHA-256 by name of all that stands in a store."""
    store = open_store(where)
    return {name: store.sha256(name) for name in store.sizes()}
