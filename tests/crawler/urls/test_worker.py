"""A worker of lists: every row ends as exactly one thing, whatever the servers and kill -9 do."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from crawler.crawl import count_captures
from crawler.frontier import FILE_NAME, SqliteFrontier, TaskState
from crawler.ledger import Ledger
from crawler.reasons import FailReason
from crawler.urls.bench import serving
from crawler.urls.rows import url_key
from crawler.urls.worker import UrlJob
from shards.denylist import DenyList, Kind, Rule
from shards.errors import UsageError
from tests.crawler.urls.pictures import JPEG, RULES, captured, failures, job_for, write_list
from tests.crawler.web.server import serve

ANSWERS = {
    "ok": (200, JPEG, {}),
    "none": (404, b"", {}),
    "shut": (403, b"", {}),
    "broken": (500, b"", {}),
    "page": (200, b"<html>", {"Content-Type": "image/jpeg"}),
    "empty": (200, b"", {}),
    "large": (200, JPEG * 1000, {}),
    "loop": (302, b"", {"Location": "/loop"}),
    "no-ai": (200, JPEG, {"X-Robots-Tag": "noai"}),
    "moved": (301, b"", {"Location": "/ok/moved"}),
}
REASONS = {
    "none": FailReason.NOT_FOUND,
    "shut": FailReason.FORBIDDEN,
    "broken": FailReason.SERVER_ERROR,
    "page": FailReason.NOT_AN_IMAGE,
    "empty": FailReason.NOT_AN_IMAGE,
    "large": FailReason.TOO_LARGE,
    "loop": FailReason.REDIRECTS,
    "no-ai": FailReason.OPTED_OUT,
    "hidden": FailReason.ROBOTS,
}


async def handle(request: web.Request) -> web.Response:
    status, body, headers = ANSWERS[request.path.split("/")[1]]
    return web.Response(status=status, body=body, headers=headers)


def run(job: UrlJob) -> UrlJob:
    asyncio.run(job.worker().run())
    return job


def states(job: UrlJob) -> dict[TaskState, int]:
    with SqliteFrontier(job.directory / FILE_NAME) as frontier:
        return {state: count for state, count in frontier.counts().items() if count}


def test_each_row_ends_as_what_it_is(tmp_path: Path) -> None:
    with serve(handle, robots="User-agent: *\nDisallow: /hidden") as server:
        urls = [server.url(f"/{name}/1") for name in [*ANSWERS, "hidden"]]
        urls += [server.url("/ok/2"), server.url("/ok/1"), "", "nonsense", server.url("/none/1")]
        write_list(tmp_path / "list.csv", urls)
        rules = replace(RULES, max_bytes=5000)
        job = job_for(tmp_path / "raw", tmp_path / "list.csv", task_rows=4, rules=rules)
        worker = job.worker()
        asyncio.run(worker.run())
        asked = [path for path in server.paths() if path in ("/ok/1", "/none/1", "/hidden/1")]
    assert sorted(asked) == ["/none/1", "/ok/1"]
    found = failures(job.directory)
    expected = [*REASONS.values(), *[FailReason.DUPLICATE_ITEM] * 2, *[FailReason.BAD_RECORD] * 2]
    assert found == {str(reason): expected.count(reason) for reason in set(expected)}
    assert captured(job.directory) == sorted(
        server.url(f"/{n}") for n in ("moved/1", "ok/1", "ok/2")
    )
    assert len(urls) == 3 + found.total()
    assert states(job) == {TaskState.DONE: 4}
    stats = worker.stats()
    assert (stats.captures, stats.tasks) == (3, 4)
    assert stats.failed == found
    assert stats.quality.captures == stats.quality.located == 3
    assert stats.requests > 10


def test_private_addresses_are_refused(tmp_path: Path) -> None:
    with serve(handle) as server:
        write_list(tmp_path / "list.csv", [server.url("/ok/1"), server.url("/ok/2", "localhost")])
        rules = replace(RULES, allow_private=False)
        job = run(job_for(tmp_path / "raw", tmp_path / "list.csv", rules=rules))
        assert server.paths() == []
    assert failures(job.directory) == {"private_address": 2}


def test_strangers_are_asked_only_with_a_contact(tmp_path: Path) -> None:
    write_list(tmp_path / "list.csv", ["http://192.0.2.1/a.jpg?key=secret"])
    with pytest.raises(UsageError, match="--contact") as caught:
        run(job_for(tmp_path / "raw", tmp_path / "list.csv"))
    assert "secret" not in str(caught.value)


def test_what_the_denylist_names_is_not_asked_for(tmp_path: Path) -> None:
    with serve(handle) as server:
        write_list(tmp_path / "list.csv", [server.url("/ok/1"), server.url("/ok/2")])
        job = job_for(tmp_path / "raw", tmp_path / "list.csv")
        denylist = DenyList([Rule(Kind.KEY, url_key(server.url("/ok/1")))])
        run(replace(job, denylist=denylist))
        assert server.paths() == ["/ok/2"]
    assert failures(job.directory) == {"denied": 1}


def test_what_failed_for_a_while_comes_with_the_next_run(tmp_path: Path) -> None:
    def reopen(job: UrlJob) -> None:
        with (
            SqliteFrontier(job.directory / FILE_NAME) as frontier,
            closing(Ledger(job.directory / "urls.ledger.sqlite")) as ledger,
        ):
            frontier.reopen({task for _, task in ledger.forget_failures([FailReason.SERVER_ERROR])})

    with serve(handle) as server:
        urls = [server.url(f"/{name}/{n}") for name in ("ok", "broken", "none") for n in range(5)]
        write_list(tmp_path / "list.csv", [*urls, urls[0]])
        job = run(job_for(tmp_path / "raw", tmp_path / "list.csv", task_rows=20))
        assert failures(job.directory) == {"server_error": 5, "not_found": 5, "duplicate_item": 1}
        server.handler = _always_ok
        server.seen.clear()
        reopen(job)
        # Another writer gets the task, and knows what the first one has settled.
        run(job.named("other"))
        assert sorted(server.paths()) == [f"/broken/{n}" for n in range(5)]
    assert failures(job.directory) == {"not_found": 5, "duplicate_item": 1}
    assert captured(job.directory) == sorted(urls[:10])


async def _always_ok(_: web.Request) -> web.Response:
    return web.Response(body=JPEG)


def test_a_stop_leaves_the_rest_to_the_next_run(tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.Response:
        """The first 50 are answered at once, the others once the worker has been stopped."""
        turn = len(server.seen)
        for _ in range(6000):
            if turn <= 50 or stopped:
                break
            await asyncio.sleep(0.01)
        return await handle(request)

    async def stop_after(job: UrlJob, count: int) -> None:
        worker = job.worker()
        running = asyncio.create_task(worker.run())
        while worker.stats().captures < count and not running.done():
            await asyncio.wait([running], timeout=0.01)
        await worker.stop()
        async with asyncio.timeout(60):
            await running

    stopped = False
    with serve(slow) as server:
        urls = [server.url(f"/ok/{number}") for number in range(100)]
        write_list(tmp_path / "list.csv", urls)
        job = job_for(tmp_path / "raw", tmp_path / "list.csv", task_rows=25)
        asyncio.run(stop_after(job, 50))
        stopped = True
        assert count_captures(job.directory) == 50
        assert states(job).keys() <= {TaskState.DONE, TaskState.PENDING}
        run(job)
        paths = server.paths()
    assert len(paths) <= 100 + RULES.connections_per_host
    assert captured(job.directory) == sorted(urls)


def test_work_on_a_lease_that_another_worker_has_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: web.Request) -> web.Response:
        for _ in range(6000):
            if done:
                break
            await asyncio.sleep(0.01)
        return web.Response(body=JPEG)

    async def steal(job: UrlJob) -> None:
        running = asyncio.create_task(job.worker().run())
        while not server.seen and not running.done():
            await asyncio.wait([running], timeout=0.01)
        with SqliteFrontier(job.directory / FILE_NAME) as frontier:
            frontier.release_owner(job.writer)
            task = frontier.lease("another", 3600)
            assert task is not None
            await asyncio.wait([running], timeout=1)
            frontier.done(task.id)
        async with asyncio.timeout(60):
            await running

    done = False
    monkeypatch.setattr("crawler.leases.RENEW_SECONDS", 0.05)
    with serve(never) as server:
        write_list(tmp_path / "list.csv", [server.url("/ok/1")])
        job = job_for(tmp_path / "raw", tmp_path / "list.csv")
        asyncio.run(steal(job))
        done = True
    assert count_captures(job.directory) == failures(job.directory).total() == 0
    assert states(job) == {TaskState.DONE: 1}


WORKER = """
import asyncio, sys
from pathlib import Path
from tests.crawler.urls.pictures import job_for

job = job_for(Path(sys.argv[1]), Path(sys.argv[2]), task_rows=int(sys.argv[3]))
asyncio.run(job.named(sys.argv[4]).worker().run())
"""


@pytest.mark.parametrize("task_rows", [1, 250])
def test_kill_minus_nine_loses_and_doubles_nothing(tmp_path: Path, task_rows: int) -> None:
    count = 2000 if task_rows > 1 else 200
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(7):
        (pictures / f"{number}.jpg").write_bytes(JPEG + bytes([number]) * 3000)
    (pictures / "page.jpg").write_bytes(b"<html>")
    directory = tmp_path / "raw"
    chance = random.Random(task_rows)
    with serving(pictures) as port:
        base = f"http://127.0.0.1:{port}"
        urls = [f"{base}/{number % 7}.jpg/{number}" for number in range(count)]
        bad = [f"{base}/gone/{number}" for number in range(10)] + [f"{base}/page.jpg", "", "x"]
        listed = [*urls, *bad, *urls[:20]]
        chance.shuffle(listed)
        write_list(tmp_path / "list.csv", listed)
        arguments = [str(directory), str(tmp_path / "list.csv"), str(task_rows)]
        for kill in range(3):
            # Two writers in turns, so that each finds tasks that the other one began.
            command = [sys.executable, "-c", WORKER, *arguments, f"writer-{kill % 2}"]
            before = count_captures(directory) if directory.exists() else 0
            process = subprocess.Popen(command, cwd=Path(__file__).parents[3])
            wanted = before + chance.randrange(1, count // 6)
            while process.poll() is None and _captures(directory) < wanted:
                time.sleep(0.005)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            with SqliteFrontier(directory / FILE_NAME) as frontier:
                frontier.begin_run()
        job = run(job_for(directory, tmp_path / "list.csv", task_rows=task_rows))
    found = failures(directory)
    assert captured(directory) == sorted(urls)
    assert found == {"not_found": 10, "not_an_image": 1, "bad_record": 2, "duplicate_item": 20}
    assert len(listed) == count + found.total()
    assert set(states(job)) == {TaskState.DONE}


def _captures(directory: Path) -> int:
    return count_captures(directory) if directory.exists() else 0
