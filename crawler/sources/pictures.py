"""The pictures of photographs: fetched, known by their bytes, committed, or settled as failures."""

import asyncio
from collections.abc import Sequence

from crawler.commits import GroupCommits
from crawler.download import Picture, as_picture
from crawler.leases import first_error
from crawler.ledger import Failure
from crawler.probe import Probe
from crawler.reasons import ENDS_RUN, FailReason
from crawler.sources.ask import Asker, check_contact
from crawler.sources.job import SourceJob
from crawler.sources.photo import Photo
from crawler.sources.source import IMAGES
from crawler.spool import Ready
from crawler.stats import WorkerStats
from crawler.web.client import PoliteClient
from crawler.web.errors import FetchError

AT_ONCE = 24
"""Under way or waiting for their commit; bounds the memory."""
MAX_BYTES = 64 << 20
EXPIRED = frozenset({403, 410})
"""How servers answer a signed URL whose time is over."""
LINKS_TRIED = 3
"""For one picture: a link may expire once more before its turn comes."""


class Pictures:
    """What one worker fetches with; all its tasks share it."""

    def __init__(
        self,
        job: SourceJob,
        web: PoliteClient,
        ask: Asker,
        commits: GroupCommits,
        stats: WorkerStats,
    ) -> None:
        self._source = job.source
        self._has_contact = job.has_contact
        self._web = web
        self._ask = ask
        self._commits = commits
        self._stats = stats
        self._probe = Probe(stats.quality)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def capture(self, photos: Sequence[Photo], task_id: str) -> list[str]:
        """Returns once each is committed or settled; the keys of those that failed.

        Raises FetchError for what the others would meet too: a wall, or a budget that is used up.
        """
        failed: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                for photo in photos:
                    group.create_task(self._capture(photo, task_id, failed))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        return failed

    async def settle(self, failures: Sequence[Failure]) -> None:
        """Records what will not come, and counts it."""
        await self._commits.fail(*failures)
        self._stats.failed.update(str(failure.reason) for failure in failures)

    async def _capture(self, photo: Photo, task_id: str, failed: list[str]) -> None:
        key = photo.key(self._source.name)
        async with self._slots:
            try:
                photo, picture = await self._picture(photo)
            except FetchError as error:
                if error.reason in ENDS_RUN or error.reason is FailReason.RATE_LIMITED:
                    raise
                failed.append(key)
                await self.settle([Failure(key, task_id, error.reason, error.detail)])
                return
            capture = photo.to_capture(self._source.name)
            await self._commits.add(Ready(capture, picture.data, picture.extension, task_id))
            self._stats.captures += 1
            self._probe.observe(capture, picture.data)

    async def _picture(self, photo: Photo) -> tuple[Photo, Picture]:
        """With the record that the picture belongs to. Raises FetchError."""
        for _ in range(LINKS_TRIED):
            try:
                return photo, await self._download(photo.image_url)
            except FetchError as error:
                refusal = error
            fresh = await self._again(photo) if refusal.status in EXPIRED else None
            if fresh is None or fresh.id != photo.id:
                break
            photo = fresh
        raise refusal

    async def _again(self, photo: Photo) -> Photo | None:
        try:
            return await self._source.again(photo, self._ask)
        except (AttributeError, LookupError, TypeError, ValueError):
            return None

    async def _download(self, url: str) -> Picture:
        check_contact(url, has_contact=self._has_contact)
        answer = await self._web.get(
            url,
            budget=f"{self._source.name}.{IMAGES}",
            limits=self._source.limits[IMAGES],
            max_bytes=MAX_BYTES,
        )
        if self._source.is_stand_in(answer.url):
            raise FetchError(FailReason.NOT_FOUND, "a notice that the picture is gone")
        return as_picture(answer.body, answer.headers.get("Content-Type", ""))
