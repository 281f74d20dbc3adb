"""GPano properties come out of real XMP packets, and hostile ones give nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.images.gpano import NAMESPACE, read_gpano
from tests.enrich.images.panoramas import gpano_jpeg, xmp_jpeg
from tests.enrich.samples import encoded, jpeg, picture

PLAIN = jpeg(0, 64, 36)
VALUES = {"ProjectionType": "equirectangular", "PoseHeadingDegrees": "270.5"}


@pytest.mark.parametrize("elements", [False, True])
def test_attributes_and_elements(elements: bool) -> None:
    assert read_gpano(gpano_jpeg(PLAIN, elements, PoseHeadingDegrees=270.5)) == VALUES


def test_other_files_have_none() -> None:
    assert read_gpano(PLAIN) == {}
    assert read_gpano(encoded(picture(), "png")) == {}
    assert read_gpano(b"") == {}
    assert read_gpano(xmp_jpeg(PLAIN, '<a xmlns="other" ProjectionType="equirectangular"/>')) == {}


def test_no_entity_is_followed() -> None:
    bomb = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    inner = f'<!DOCTYPE a [<!ENTITY e0 "boom">{bomb}]>'
    outer = '<!DOCTYPE a [<!ENTITY e9 SYSTEM "file:///etc/hostname">]>'
    for head in (inner, outer):
        packet = f'{head}<a xmlns:p="{NAMESPACE}"><p:ProjectionType>&e9;</p:ProjectionType></a>'
        assert read_gpano(xmp_jpeg(PLAIN, packet)) == {}


@pytest.mark.parametrize("packet", [NAMESPACE, f'<a xmlns:p="{NAMESPACE}" p:B=', "<" * 60_000])
def test_no_xml(packet: str) -> None:
    assert read_gpano(xmp_jpeg(PLAIN, packet)) == {}


@pytest.mark.parametrize(("segments", "found"), [(900, VALUES), (4_000_000, {})])
def test_a_file_of_tiny_segments_ends_the_search(segments: int, found: dict[str, str]) -> None:
    data = gpano_jpeg(PLAIN, PoseHeadingDegrees=270.5)
    assert read_gpano(data[:2] + b"\xff\xe2\x00\x02" * segments + data[2:]) == found


@given(
    cut=st.integers(0, 900),
    flips=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=8),
)
def test_damaged_files_never_raise(cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(gpano_jpeg(PLAIN, PoseHeadingDegrees=1))
    for position, value in flips:
        data[position] = value
    for damaged in (bytes(data), bytes(data[:cut])):
        found = read_gpano(damaged)
        assert all(isinstance(value, str) for value in found.values())
