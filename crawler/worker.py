"""One worker: Scrapy with its own browser inside a running event loop, until no game is left."""

import asyncio
import sys
from contextlib import closing, suppress
from functools import partial
from threading import Thread
from typing import Any

from crawler.frontier import Frontier
from crawler.game.spider import GameJob, GameSpider
from crawler.settings import abort_unless, scrapy_settings
from crawler.spool import Spool, open_spool
from crawler.stats import WorkerState, WorkerStats

STOP_SECONDS = 20.0


class GameWorker:
    """Runs a `GameJob` to its end, or until `stop`."""

    def __init__(self, job: GameJob) -> None:
        self.job = job
        self._runner: Any = None
        self._spider: GameSpider | None = None
        self._stats = WorkerStats(job.writer)

    async def run(self) -> None:
        """Returns once no task of any worker is left. The segment stays open."""
        job = self.job
        with (
            open_spool(job.directory, job.writer, segment_bytes=job.segment_bytes) as spool,
            closing(job.queue.frontier()) as frontier,
        ):
            frontier.release_owner(job.writer)
            self._stats.state = WorkerState.WORKING
            await self._crawl(spool, frontier)
            self._stats.state = WorkerState.STOPPED

    def stats(self) -> WorkerStats:
        return self._stats

    async def _crawl(self, spool: Spool, frontier: Frontier) -> None:
        install_reactor()
        from scrapy.crawler import AsyncCrawlerRunner

        job = self.job
        settings = scrapy_settings(
            user_agent=job.user_agent, base_url=job.site.base_url, pages=job.pages
        )
        settings["PLAYWRIGHT_ABORT_REQUEST"] = abort_unless(job.site.allowed_hosts())
        self._runner = AsyncCrawlerRunner(settings)
        crawler = self._runner.create_crawler(GameSpider)
        running = self._runner.crawl(
            crawler, job=job, spool=spool, frontier=frontier, stats=self._stats
        )
        self._spider = crawler.spider
        await running

    async def stop(self) -> None:
        """Ends the run within seconds; games are left where they are, segments open."""
        if self._spider is None and self._runner is not None:
            self._spider = next((crawler.spider for crawler in self._runner.crawlers), None)
        if self._spider is not None:
            await self._spider.stop()
        if self._runner is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._runner.stop()


def install_reactor() -> None:
    """Makes Twisted use the running event loop; once for each process."""
    if "twisted.internet.reactor" in sys.modules:
        return
    from twisted.internet import asyncioreactor
    from twisted.python.threadpool import ThreadPool

    # Nobody stops this reactor, and Python would wait for its threads for ever at the end.
    pool: Any = ThreadPool
    pool.threadFactory = partial(Thread, daemon=True)
    install: Any = asyncioreactor.install
    install(asyncio.get_running_loop())
    from twisted.internet import reactor

    reactor.startRunning(installSignalHandlers=False)
