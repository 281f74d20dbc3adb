"""One worker: Scrapy with its own browser inside a running event loop, until no game is left."""

import asyncio
import sys
from contextlib import closing, suppress
from functools import partial
from threading import Thread
from typing import Any

from crawler.game.gate import Gate
from crawler.game.job import GameJob
from crawler.game.spider import GameSpider
from crawler.settings import scrapy_settings
from crawler.spool import open_spool
from crawler.stats import WorkerState, WorkerStats
from crawler.web.client import ClientRules, PoliteClient

STOP_SECONDS = 3.0


class GameWorker:
    """Runs a `GameJob` to its end, or until `stop`."""

    def __init__(self, job: GameJob) -> None:
        self.job = job
        self._stats = WorkerStats(job.writer)
        self._runner: Any = None
        self._crawler: Any = None

    def stats(self) -> WorkerStats:
        return self._stats

    async def run(self) -> None:
        """Returns once no task of any worker is left. The segment stays open."""
        job = self.job
        with (
            open_spool(job.directory, job.writer, segment_bytes=job.segment_bytes) as spool,
            closing(job.queue.frontier()) as frontier,
            closing(job.queue.budgets()) as budgets,
        ):
            frontier.release_owner(job.writer)
            # The hosts are the operator's own choice, and may be this machine.
            rules = ClientRules(allow_private=True)
            async with PoliteClient(
                user_agent=job.user_agent, budgets=budgets, rules=rules
            ) as client:
                gate = Gate(job.site.allowed_hosts(), client, budgets)
                self._stats.state = WorkerState.WORKING
                try:
                    await self._crawl(spool=spool, frontier=frontier, gate=gate)
                finally:
                    self._stats.state = WorkerState.STOPPED

    async def _crawl(self, **resources: Any) -> None:
        install_reactor()
        from scrapy.crawler import AsyncCrawlerRunner

        job = self.job
        settings = scrapy_settings(
            user_agent=job.user_agent, base_url=job.site.base_url, pages=job.pages
        )
        self._runner = AsyncCrawlerRunner(settings)
        self._crawler = self._runner.create_crawler(GameSpider)
        await self._runner.crawl(self._crawler, job=job, stats=self._stats, **resources)

    async def stop(self) -> None:
        """Ends the run within seconds; games are left where they are, segments open."""
        if self._crawler is None or self._crawler.spider is None:
            return
        await self._crawler.spider.stop()
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
