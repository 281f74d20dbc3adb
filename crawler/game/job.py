"""What a worker of the game is told."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crawler.game.browsers import BrowserLimits
from crawler.game.modes import Delays
from crawler.game.port import Account, Limits
from crawler.game.schedule import Schedule
from crawler.game.site import Site
from crawler.job import Worker
from crawler.queue import Queue
from shards.denylist import DenyList

LOCALE = "en-GB"


@dataclass(frozen=True, slots=True, kw_only=True)
class GameJob:
    """What a worker is told: plain data that travels to another process."""

    directory: Path
    """`raw/<source>` of the dataset."""
    writer: str
    site: Site
    account: Account = field(repr=False)
    user_agent: str
    pages: int
    session: Path
    """Cookies of the signed-in account, readable by its owner only."""
    limits: Limits = field(default_factory=Limits)
    delays: Delays = field(default_factory=Delays)
    browser: BrowserLimits = field(default_factory=BrowserLimits)
    schedule: Schedule | None = None
    """Fixed waits; without them a page is photographed as soon as it has settled."""
    pictures: Path | None = None
    """A folder for a file of every picture, beside its capture."""
    segment_bytes: int = 256 << 20
    queue: Queue
    denylist: DenyList = field(default_factory=DenyList)

    def context(self, state: Any) -> dict[str, Any]:
        """What a browser context of this job is like; `state` holds its cookies."""
        width, height = self.site.viewport
        return {
            "viewport": {"width": width, "height": height},
            "user_agent": self.user_agent,
            "locale": LOCALE,
            "storage_state": state,
            "accept_downloads": False,
            # Their requests would pass by the gate.
            "service_workers": "block",
        }

    @property
    def resources(self) -> dict[str, float]:
        return {"CPU": 1, "browser": 1}

    def worker(self) -> Worker:
        from crawler.game.worker import GameWorker

        return GameWorker(self)

    def named(self, writer: str) -> "GameJob":
        return replace(self, writer=writer)
