"""Fixed waits in place of looks at the page: what the benchmark compares with."""

import asyncio
import io
import time

import pytest
from PIL import Image
from playwright.async_api import async_playwright

from crawler.browser import launch_options
from crawler.game.port import Picture
from crawler.game.schedule import Schedule, ScheduledDriver
from crawler.game.site import Site
from lostfound import main

RESTLESS = """
<body style="margin:0">
<canvas class="mapsConsumerUiSceneCoreScene__canvas" width=300 height=150></canvas>
<script>
  const pen = document.querySelector("canvas").getContext("2d");
  setInterval(() => {
    pen.fillStyle = `hsl(${performance.now()} 50% 50%)`;
    pen.fillRect(0, 0, 300, 150);
  }, 5);
</script>
"""


async def photograph(schedule: Schedule) -> Picture:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options())
        page = await browser.new_page()
        await page.set_content(RESTLESS)
        driver = ScheduledDriver(page, Site(base_url="http://127.0.0.1:1"), schedule)
        return await driver.capture(30)


def test_waits_and_takes_what_is_there() -> None:
    start = time.monotonic()
    picture = asyncio.run(
        photograph(Schedule(before_picture=0.5, after_click=0, picture_format="png"))
    )
    assert time.monotonic() - start >= 0.5
    with Image.open(io.BytesIO(picture.image)) as image:
        assert (image.format, image.size) == ("PNG", (300, 150))
    assert picture.extension == "png"


@pytest.mark.parametrize("sweep", ["1,x", "0", "1,-2"])
def test_a_wrong_sweep_is_one_line(sweep: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "crawl", "--sweep", sweep])
    assert stop.value.code == 2
    assert "--sweep 1,2,3,4,6,8" in capsys.readouterr().err


@pytest.mark.slow
def test_the_benchmark_compares_both_on_as_many_pages() -> None:
    from crawler.game.bench import bench_crawl

    result = bench_crawl(pages=1, seconds=20)
    assert {"name", "ours", "baseline", "ratio", "unit", "cpus"} <= set(result)
    assert result["details"]["ours"]["rounds"] > result["details"]["baseline"]["rounds"] > 0
