"""Scrapy's settings: polite, identified, no remote control, and one browser for each worker."""

from typing import Any
from urllib.parse import urlsplit

from crawler.browser import launch_options

DOWNLOAD_SECONDS = 60


def scrapy_settings(*, user_agent: str, base_url: str, pages: int) -> dict[str, Any]:
    """Settings for one worker with `pages` pages, each in a browser context of its own."""
    return {
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        # Each handler starts a browser, so only the scheme that is crawled gets one.
        "DOWNLOAD_HANDLERS": {
            urlsplit(base_url).scheme: "crawler.game.browsers.BrowserHandler",
        },
        "USER_AGENT": user_agent,
        # The gate asks robots.txt for everything that a page requests, the page itself included.
        "ROBOTSTXT_OBEY": False,
        "COOKIES_ENABLED": False,
        "RETRY_ENABLED": False,  # the frontier retries, and remembers it
        "REDIRECT_ENABLED": False,  # the browser follows them
        "CONCURRENT_REQUESTS": pages,
        "CONCURRENT_REQUESTS_PER_DOMAIN": pages,
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_TIMEOUT": DOWNLOAD_SECONDS,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_LEVEL": "WARNING",
        "EXTENSIONS": {
            "scrapy.extensions.logstats.LogStats": None,
            # It counts Python alone; the browsers are measured by their handler.
            "scrapy.extensions.memusage.MemoryUsage": None,
        },
        "PLAYWRIGHT_BROWSER_TYPE": "chromium",
        "PLAYWRIGHT_BROWSER_PROVIDER": "crawler.game.browsers.Browsers",
        "PLAYWRIGHT_LAUNCH_OPTIONS": launch_options(),
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": 1,
        "PLAYWRIGHT_PROCESS_REQUEST_HEADERS": None,  # Chromium's own
    }
