"""The histograms as SVG."""

from xml.etree import ElementTree

import pytest

from shards.pages.histogram import Bin, histogram

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


@pytest.mark.parametrize("log", [True, False])
def test_histogram(log: bool) -> None:
    bins = [Bin(1, 10, 2, 1), Bin(10, 100, 0, 0), Bin(100, 1000, 5, 0)]
    svg = parsed(histogram(bins, thresholds=[30], log=log))
    assert len(svg.findall(f"{SVG}rect")) == 3
    assert len(svg.findall(f"{SVG}path[@class='threshold']")) == 1
    assert len(svg.findall(f"{SVG}text[@class='tick']")) >= 3
    outside = parsed(histogram(bins, thresholds=[5000], log=log))
    assert not outside.findall(f"{SVG}path[@class='threshold']")
