"""Scrapy's settings: polite, identified, no remote control, and one browser for each worker."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from crawler.browser import launch_options

ABORTED_RESOURCES = frozenset({"font", "media"})
NAVIGATION_TIMEOUT_MS = 30_000


def scrapy_settings(*, user_agent: str, base_url: str, pages: int) -> dict[str, Any]:
    """Settings for one worker with `pages` pages, each in a browser context of its own."""
    handler = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
    return {
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        # Each handler starts a browser, so only the scheme that is crawled gets one.
        "DOWNLOAD_HANDLERS": {urlsplit(base_url).scheme: handler},
        "USER_AGENT": user_agent,
        "ROBOTSTXT_OBEY": True,
        "COOKIES_ENABLED": False,
        "RETRY_ENABLED": False,  # the frontier retries, and remembers it
        "CONCURRENT_REQUESTS": pages,
        "CONCURRENT_REQUESTS_PER_DOMAIN": pages,
        "DOWNLOAD_DELAY": 0,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_LEVEL": "WARNING",
        "EXTENSIONS": {
            "scrapy.extensions.logstats.LogStats": None,
            "scrapy.extensions.memusage.MemoryUsage": None,
        },
        "PLAYWRIGHT_BROWSER_TYPE": "chromium",
        "PLAYWRIGHT_LAUNCH_OPTIONS": launch_options(),
        "PLAYWRIGHT_MAX_CONTEXTS": pages + 1,
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": 1,
        "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": NAVIGATION_TIMEOUT_MS,
        "PLAYWRIGHT_PROCESS_REQUEST_HEADERS": None,
    }


def abort_unless(hosts: Iterable[str]) -> Callable[[Any], bool]:
    """For PLAYWRIGHT_ABORT_REQUEST: refuses fonts, media, and every host that is not of `hosts`."""
    allowed = frozenset(hosts)

    def abort(request: Any) -> bool:
        address = urlsplit(request.url)
        if address.scheme not in ("http", "https"):
            return False
        return address.hostname not in allowed or request.resource_type in ABORTED_RESOURCES

    return abort
