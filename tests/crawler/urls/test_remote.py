"""Lists behind addresses and in gzip files are copied once, and read from the copy."""

import gzip
from pathlib import Path

import fsspec
import pytest

from crawler.urls.lists import enlist
from crawler.urls.remote import obtain
from shards.errors import UsageError, WorkError
from tests.crawler.web.server import answer, serve

LIST = b"url,lat,lon\nhttp://example.org/1,1,2\n"
MORE = LIST + b"http://example.org/2,1,2\n"
AGENT = "LostFound/0 (test@example.org)"


def test_a_list_behind_a_web_address(tmp_path: Path) -> None:
    with serve(answer(body=LIST)) as server:
        url = server.url("/list.csv?key=secret")
        origin = obtain(tmp_path, url, user_agent=AGENT)
        state, tasks = enlist(tmp_path, origin)
        assert len(list(tasks)) == state.rows == 1
        assert state.name == server.url("/list.csv")
        assert Path(state.path).read_bytes() == LIST
        server.handler = answer(body=MORE)
        enlist(tmp_path, obtain(tmp_path, url, user_agent=AGENT), follow=True)
        assert Path(state.path).read_bytes() == MORE
        server.handler = answer(body=LIST.replace(b"/1", b"/9"))
        with pytest.raises(UsageError, match="have changed"):
            enlist(tmp_path, obtain(tmp_path, url, user_agent=AGENT), follow=True)
        assert Path(state.path).read_bytes() == MORE
        server.handler = answer(404)
        again, _ = enlist(tmp_path, obtain(tmp_path, url, user_agent=AGENT))
        assert again.rows == 2
        assert {seen.headers["User-Agent"] for seen in server.seen} == {AGENT}
    assert not [path for path in tmp_path.rglob("*.json") if "secret" in path.read_text()]


def test_a_list_that_cannot_be_fetched(tmp_path: Path) -> None:
    with serve(answer(404)) as server:
        url = server.url("/list.csv?key=secret")
        with pytest.raises(WorkError, match="cannot be fetched") as caught:
            obtain(tmp_path, url, user_agent=AGENT)
    assert "not_found: HTTP 404" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_any_address_that_fsspec_knows(tmp_path: Path) -> None:
    with fsspec.open("memory://lists/one.csv", "wb") as file:
        file.write(LIST)
    origin = obtain(tmp_path, "memory://lists/one.csv", user_agent=AGENT)
    assert enlist(tmp_path, origin)[0].rows == 1
    with pytest.raises(WorkError, match="cannot be read"):
        obtain(tmp_path, "memory://lists/none.csv", user_agent=AGENT)
    with pytest.raises(WorkError, match="cannot be read"):
        obtain(tmp_path, "nonsense://lists/none.csv", user_agent=AGENT)


def test_packed_lists(tmp_path: Path) -> None:
    packed = tmp_path / "list.csv.gz"
    packed.write_bytes(gzip.compress(LIST))
    state, _ = enlist(tmp_path, obtain(tmp_path, str(packed), user_agent=AGENT))
    assert (state.rows, state.name) == (1, "list.csv.gz")
    packed.write_bytes(gzip.compress(MORE))
    state, _ = enlist(tmp_path, obtain(tmp_path, str(packed), user_agent=AGENT), follow=True)
    assert state.rows == 2
    packed.write_bytes(gzip.compress(LIST)[:-9])
    with pytest.raises(UsageError, match="damaged gzip"):
        obtain(tmp_path, str(packed), user_agent=AGENT)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such list"):
        obtain(tmp_path, str(tmp_path / "none.csv"), user_agent=AGENT)
