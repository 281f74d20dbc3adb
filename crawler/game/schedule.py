"""When a page is photographed: as soon as it has settled, or after fixed waits.

Fixed waits are what the benchmark compares with; a site whose pictures cannot be seen settling may
need them as well.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from playwright.async_api import Page

from crawler.game.driver import PageDriver
from crawler.game.port import Picture
from crawler.game.site import Site, element_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Waits in seconds, and the format of the pictures."""

    before_picture: float
    after_click: float
    picture_format: Literal["jpeg", "png"]


ORIGINAL = Schedule(before_picture=5, after_click=1, picture_format="png")
"""What the scraper of 2024 did."""
EXTENSIONS = {"jpeg": "jpg", "png": "png"}


class ScheduledDriver(PageDriver):
    """The driver with fixed waits instead of looks at the page."""

    def __init__(self, page: Page, site: Site, schedule: Schedule) -> None:
        super().__init__(page, site)
        self._schedule = schedule

    async def capture(self, seconds: float) -> Picture:
        """One picture, after the wait, whether it is the final one or not."""
        kind = self._schedule.picture_format
        await asyncio.sleep(self._schedule.before_picture)
        async with self._bounded(seconds):
            await self.page.mouse.move(*self.site.rest)
            box = await self._ask("box", [element_data(self.site.canvas)], seconds)
            covered = box.pop("covered") > 0
            image = await self.page.screenshot(type=kind, clip=box, timeout=1000 * seconds)
        return Picture(image, EXTENSIONS[kind], datetime.now(UTC), covered=covered)

    async def _click_at(self, place: dict[str, Any], seconds: float) -> None:
        await super()._click_at(place, seconds)
        await asyncio.sleep(self._schedule.after_click)
