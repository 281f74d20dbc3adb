"""The baseline of the chaos run: plain Scrapy that resumes through JOBDIR, as its manual says.

Run as a program: `python -m crawler.chaos.plain_scrapy URL FOLDER`. Each picture becomes a line of
`FOLDER/items.jsonl` once it is fetched.
"""

import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import scrapy


class PictureSpider(scrapy.Spider):
    """Follows every link of a page and notes what it fetched."""

    name = "pictures"

    def __init__(self, url: str, out: Path, **options: Any) -> None:
        super().__init__(**options)
        self.url = url
        self.out = out

    async def start(self) -> AsyncIterator[scrapy.Request]:
        yield scrapy.Request(self.url)

    def parse(self, response: Any) -> Any:
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link, self.note)

    def note(self, response: Any) -> None:
        line = {"url": response.url, "sha256": hashlib.sha256(response.body).hexdigest()}
        with self.out.open("a") as file:
            file.write(json.dumps(line) + "\n")


def main(url: str, folder: Path) -> None:
    from scrapy.crawler import CrawlerProcess

    settings = {
        "JOBDIR": str(folder / "job"),
        "ROBOTSTXT_OBEY": False,
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_DELAY": 0,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_LEVEL": "WARNING",
    }
    process = CrawlerProcess(settings)
    process.crawl(PictureSpider, url=url, out=folder / "items.jsonl")
    process.start()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
