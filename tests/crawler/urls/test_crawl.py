"""`lostfound crawl urls` from the list to sealed segments, with real Ray actors."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crawler.frontier import FILE_NAME, SqliteFrontier
from crawler.monitor import MonitorOptions
from crawler.urls.bench import serving
from crawler.urls.crawl import ListOptions, crawl_urls, readmit
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.crawler.urls.pictures import JPEG, RULES, captured, failures, write_list


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(JPEG + bytes([number]) * 500)
    return folder


@pytest.mark.usefixtures("ray_cluster")
def test_a_list_that_grows_is_crawled_to_its_end(tmp_path: Path, pictures: Path) -> None:
    table = tmp_path / "list.csv"
    dataset = DatasetLayout(tmp_path / "dataset")
    with serving(pictures) as port:
        urls = [f"http://127.0.0.1:{port}/{number % 5}.jpg/{number}" for number in range(90)]

        def crawl(*, follow: bool = False) -> dict[str, object]:
            options = ListOptions(address=str(table), follow=follow, task_rows=20)
            monitor = MonitorOptions()
            return crawl_urls(dataset, options, workers=2, rules=RULES, monitor=monitor).to_dict()

        write_list(table, [*urls[:60], f"http://127.0.0.1:{port}/none"])
        first = crawl()
        assert (first["captures"], first["tasks"], first["workers_replaced"]) == (60, 4, 0)
        assert first["items_failed"] == {"not_found": 1}
        write_list(table, [*urls[:60], f"http://127.0.0.1:{port}/none", *urls[55:]])
        with pytest.raises(UsageError, match="--follow"):
            crawl()
        second = crawl(follow=True)
    assert (second["captures"], second["new_captures"]) == (90, 30)
    assert second["items_failed"] == {"duplicate_item": 5, "not_found": 1}
    directory = dataset.raw_source("urls")
    assert captured(directory) == sorted(urls)
    assert failures(directory).total() == 6
    # A frontier that was lost is told by the ledgers what belongs to whom.
    (directory / FILE_NAME).unlink()
    with closing(SqliteFrontier(directory / FILE_NAME)) as frontier:
        readmit(directory, frontier)
        assert frontier.admitted() == 90


def test_wrong_lists_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    def message(*arguments: str, code: int = 2) -> str:
        command = [sys.executable, "-m", "lostfound", "crawl", "urls", *arguments]
        script = "import sys; from lostfound import main; main(sys.argv[1:])"
        command[1:3] = ["-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr

    out = ("--out", str(tmp_path / "dataset"), "--allow-private")
    table = tmp_path / "list.csv"
    table.write_text("link,where\nhttp://127.0.0.1/a,b\n")
    assert "no such list" in message(str(tmp_path / "none.csv"), *out)
    assert "neither lat and lon nor country" in message(str(table), *out)
    assert "write field=column" in message(str(table), *out, "--column", "url")
    assert "no column 'x'" in message(str(table), *out, "--column", "url=x")
    address = "http://127.0.0.1:9/list.csv"
    assert "cannot be fetched (unreachable" in message(address, *out, code=1)
    assert not list((tmp_path / "dataset").rglob("*.tar"))


def test_a_contact_is_needed_for_other_servers(tmp_path: Path) -> None:
    write_list(tmp_path / "list.csv", ["http://example.org/a.jpg"])
    options = ListOptions(address=str(tmp_path / "list.csv"))
    with pytest.raises(UsageError, match="--contact"):
        crawl_urls(DatasetLayout(tmp_path / "dataset"), options, workers=1)
