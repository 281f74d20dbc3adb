"""How fast the report opens in a browser, as a ratio to a plain table of the same rows."""

import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import duckdb

from queries.bench.dataset import make_dataset
from queries.report.report import write_report
from queries.views.catalogue import connect
from shards.layout import DatasetLayout

_MOST_MS = 600_000
_PAINTED = """() => new Promise(done =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""
_ZOOMED = """() => new Promise(done => {
    const map = document.getElementById("map"), before = map.dataset.zoom;
    const start = performance.now();
    new MutationObserver(() => map.dataset.zoom !== before && done(performance.now() - start))
        .observe(map, { attributes: true });
    map.querySelector("[data-do=in]").click();
})"""


def bench_report(rows: int, rounds: int, browser: Mapping[str, Any]) -> dict[str, Any]:
    """Rows per second of opening: from the start of loading to the first frame after all is there.

    In the report the map has been drawn by then and answers: `zoom_ms` is the time from a press of
    its button to the next picture. `baseline` is an HTML table of key, country, position, licence
    and author of the kept rows, without any script. `browser`: arguments for Playwright's
    `chromium.launch`. The median of `rounds`.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        layout = make_dataset(Path(folder) / "made", rows)
        start = time.perf_counter()
        summary = write_report(layout, "default")
        written = time.perf_counter() - start
        report = Path(summary["report"])
        table = write_table(layout, Path(folder) / "table.html")
        empty = Path(folder) / "empty.html"
        empty.write_text("<!doctype html><title>nothing</title>")
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(**browser)
            opened = [_open(chromium, report, "#map") for _ in range(rounds)]
            listed = [_open(chromium, table, "table") for _ in range(rounds)]
            blank = [_open(chromium, empty, "body") for _ in range(rounds)]
            chromium.close()
        seconds = statistics.median(first for first, _ in opened)
        baseline = statistics.median(first for first, _ in listed)
        kept = summary["kept"]
        return {
            "name": "report",
            "ours": round(kept / seconds),
            "baseline": round(kept / baseline),
            "ratio": round(baseline / seconds, 2),
            "unit": "rows/s opened",
            "cpus": os.cpu_count(),
            "rows": rows,
            "seconds": round(seconds, 3),
            "baseline_seconds": round(baseline, 3),
            "empty_page_seconds": round(statistics.median(first for first, _ in blank), 3),
            "zoom_ms": round(statistics.median(zoom for _, zoom in opened), 1),
            "bytes": summary["bytes"],
            "baseline_bytes": table.stat().st_size,
            "pictures": summary["pictures"],
            "write_seconds": round(written, 2),
        }


def write_table(layout: DatasetLayout, out: Path) -> Path:
    """The kept rows as an HTML table: what a report would be without a thought."""
    rows = _rows(connect(layout))
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in row)}</tr>" for row in rows
    )
    out.write_text(f"<!doctype html><meta charset=utf-8><title>t</title><table>{body}</table>")
    return out


def _rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.execute(
        """SELECT key, country_name, lat, lon, license, attribution FROM samples
        ORDER BY key"""
    ).fetchall()


def _open(chromium: Any, page_file: Path, shown: str) -> tuple[float, float]:
    """Seconds until the page stands there, and milliseconds that its map takes to zoom."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.goto(page_file.as_uri(), wait_until="load", timeout=_MOST_MS)
    seconds = page.evaluate(_PAINTED) / 1000
    if not page.locator(shown).count():
        raise AssertionError(f"{page_file.name} shows no {shown}")
    zoom = page.evaluate(_ZOOMED) if shown == "#map" else 0.0
    page.close()
    return seconds, zoom
