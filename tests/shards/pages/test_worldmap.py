"""The map as SVG."""

from xml.etree import ElementTree

from shards.pages.worldmap import Cell, world_map

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def test_map_has_every_cell_and_escapes_names() -> None:
    svg = parsed(world_map([Cell(55.0, 13.0, 4), Cell(-12.0, -77.0, 1)], {"SE": ("<b>&", 4)}))
    circles = svg.findall(f".//{SVG}circle")
    assert len(circles) == 2
    assert float(circles[0].get("r", 0)) > float(circles[1].get("r", 0))
    titles = [title.text for title in svg.findall(f".//{SVG}path/{SVG}title")]
    assert titles == ["<b>&: 4"]
