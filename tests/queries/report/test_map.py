"""The report's map in a real browser: it zooms, its clusters split, a click tells what is there."""

from pathlib import Path
from typing import Any

import pytest

from queries.report.report import write_report
from tests.queries.browsing import click_map, closed, map_state, on_screen, opened, until
from tests.queries.conftest import PLACES, HandMade, row

WIDTHS = [(1280, "light"), (390, "dark")]
STILL = {"reduced_motion": "reduce"}


@pytest.fixture
def report(hand_made: HandMade) -> Path:
    """Four in Skåne, three of them within metres; two in Berlin; one each in Lima and Kyōto."""
    places = {"SE": [0, 0.00003, 0.00006, 0.3], "DE": [0, 0.2], "PE": [0], "JP": [0]}
    rows = []
    for country, shifts in places.items():
        lat, lon = PLACES[country][3:]
        rows += [row(len(rows) + i, country, lat=lat + s, lon=lon) for i, s in enumerate(shifts)]
    hand_made.add_part([*rows, row(99, "FR", lat=None, lon=None)], images=True)
    return Path(write_report(hand_made.layout, "default")["report"])


def panel(page: Any) -> str:
    page.wait_for_selector("#map .panel:not([hidden])")
    return " ".join(page.inner_text("#map .panel").split())


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_clusters_split_and_tell_what_they_hold(
    report: Path, browser: Any, width: int, scheme: str
) -> None:
    page = opened(browser, report, width, scheme, **STILL)
    assert map_state(page) == (1, 3)  # Skåne and Berlin stand together
    click_map(page, *PLACES["SE"][3:])
    text = panel(page)
    assert "6 samples" in text
    assert "Sweden 4, Germany 2" in text
    assert page.locator("#map .panel img").count() == 6
    page.click("#map .panel .actions button")
    zoom, clusters = map_state(page)
    assert zoom > 10
    assert clusters > 3
    for _ in range(12):
        page.click("#map [data-do=in]")
    zoom, clusters = map_state(page)
    assert zoom == 2**13
    assert clusters == 8 - 2  # the three within metres of each other are one to the end
    page.click("#map [data-do=whole]")
    assert map_state(page) == (1, 3)
    click_map(page, *PLACES["PE"][3:])
    text = panel(page)
    assert "1 sample Peru around -12.0000, -77.0000" in text
    closed(page, width)


def test_a_country_is_clicked(report: Path, browser: Any) -> None:
    page = opened(browser, report, **STILL)
    click_map(page, 65.0, 17.0)  # the north of Sweden, far from its samples
    text = panel(page)
    assert "Sweden 4 samples, 44.4 %, number 1 of 5 countries" in text
    assert page.locator("#map .panel img").count() == 4
    page.click("text=All its pictures")
    assert page.locator("#samples-SE img").count() == 4
    assert page.is_visible("#samples-SE")
    click_map(page, 28.0, 2.0)
    assert "Algeria no samples" in panel(page)
    page.click("#map .panel .close")
    assert page.is_hidden("#map .panel")
    closed(page)


def test_every_way_to_move(report: Path, browser: Any) -> None:
    page = opened(browser, report)
    box = page.locator("#map canvas").bounding_box()
    x, y = on_screen(page, *PLACES["JP"][3:])
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.wheel(0, -480)
    until(lambda: map_state(page)[0] > 3.9)
    # What is under the pointer stays there.
    page.mouse.click(box["x"] + x, box["y"] + y)
    assert "Japan" in panel(page)
    page.mouse.down()
    page.mouse.move(box["x"] + x - 300, box["y"] + y, steps=4)
    page.mouse.up()
    page.mouse.click(box["x"] + x - 300, box["y"] + y)
    assert "Japan" in panel(page)
    page.mouse.wheel(0, 480)
    until(lambda: map_state(page)[0] == 1)
    page.mouse.wheel(0, 480)
    until(
        lambda: page.evaluate("scrollY") > 0
    )  # the whole map cannot be made smaller: the page scrolls
    page.evaluate("scrollTo(0, 0)")
    page.mouse.dblclick(box["x"] + 400, box["y"] + 200)
    until(lambda: map_state(page)[0] == 2)
    closed(page)


def test_two_fingers(report: Path, browser: Any) -> None:
    page = opened(browser, report, 390, has_touch=True, **STILL)
    page.locator("#map canvas").scroll_into_view_if_needed()
    box = page.locator("#map canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *apart: float) -> None:
        points = [
            {"x": x + sign * d, "y": y, "id": n} for d in apart for n, sign in ((0, -1), (1, 1))
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 20)
    for apart in (30, 45, 60):
        fingers("touchMove", apart)
    fingers("touchEnd")
    until(lambda: map_state(page)[0] > 2.5)
    zoom, _ = map_state(page)
    assert zoom == pytest.approx(3, rel=0.05)
    assert page.is_hidden("#map .panel")
    closed(page, 390)


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_the_keyboard_alone(report: Path, browser: Any, width: int, scheme: str) -> None:
    page = opened(browser, report, width, scheme, **STILL)
    canvas = page.locator("#map canvas")
    while not canvas.evaluate("element => element === document.activeElement"):
        page.keyboard.press("Tab")
    assert canvas.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    for key in ("+", "=", "ArrowUp", "ArrowRight", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    assert map_state(page)[0] == 4
    page.keyboard.press("-")
    page.keyboard.press("0")
    assert map_state(page)[0] == 1
    page.keyboard.press("Enter")  # the middle of the map: the sea south of Ghana
    assert page.is_hidden("#map .panel")
    for _ in range(5):
        page.keyboard.press("+")
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    page.keyboard.press("Escape")
    assert page.is_hidden("#map .panel")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert map_state(page)[1] == 0
    assert page.get_attribute("#map", "data-layer") == "heat"
    assert page.get_attribute("[data-layer-name=heat]", "aria-pressed") == "true"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert map_state(page)[1] > 0
    assert page.get_attribute("#map", "data-layer") == "clusters"
    page.focus("input[value=linear]")
    page.keyboard.press("ArrowRight")
    assert page.is_checked("input[value=log]")
    closed(page, width)


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_layers_are_drawn(report: Path, browser: Any, width: int, scheme: str) -> None:
    page = opened(browser, report, width, scheme, **STILL)
    x, y = on_screen(page, *PLACES["PE"][3:])
    # The mean of the pixels around Lima.
    colour = f"""() => {{
        const canvas = document.querySelector("#map canvas");
        const ratio = canvas.width / canvas.getBoundingClientRect().width;
        const [x, y] = [{x} * ratio - 3, {y} * ratio - 3];
        const copy = document.createElement("canvas").getContext("2d");
        copy.drawImage(canvas, -x, -y);
        const data = copy.getImageData(0, 0, 6, 6).data;
        return [0, 1, 2].map(c => data.filter((_, i) => i % 4 === c).reduce((a, b) => a + b) / 36);
    }}"""
    map_state(page)
    cluster = page.evaluate(colour)
    page.click("[data-layer-name=heat]")
    map_state(page)
    heat = page.evaluate(colour)
    assert max(abs(a - b) for a, b in zip(cluster, heat, strict=True)) > 20
    page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    map_state(page)
    other = page.evaluate(colour)
    assert max(abs(a - b) for a, b in zip(other, heat, strict=True)) > 20
    page.emulate_media(color_scheme=scheme)
    page.click("[data-layer-name=clusters]")
    map_state(page)
    assert page.evaluate(colour) == pytest.approx(cluster, abs=2)
    closed(page, width)
