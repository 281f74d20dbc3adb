import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.web.optout import opt_out

NOW = 1_700_000_000.0  # 14 November 2023


@pytest.mark.parametrize(
    "tag",
    [
        "noai",
        "noimageai",
        "noindex",
        "noimageindex",
        "none",
        "NoIndex",
        "nofollow, noai",
        "nofollow,noarchive , noimageindex",
        "lostfound: noai",
        "LostFound: nofollow, noindex",
        "googlebot: noindex, lostfound: noai",
        "*: none",
        "max-snippet: 5, noai",
        "unavailable_after: 25 Jun 2010 15:00:00 PST",
        "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT",
        "unavailable_after: 2010-06-25",
        "unavailable_after: 2010-06-25T10:00:00Z, nofollow",
    ],
)
def test_refusals(tag: str) -> None:
    assert opt_out([tag], None, NOW)
    assert opt_out(["nofollow", tag], None, NOW)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "all",
        "nofollow",
        "noarchive, nosnippet",
        "index, follow",
        "googlebot: noindex",
        "googlebot: nofollow, noindex, noai",
        "otherbot: none",
        "max-image-preview: none",
        "max-image-preview: large",
        "unavailable_after: 25 Jun 2040 15:00:00 PST",
        "unavailable_after: Fri, 25 Jun 2040 15:00:00 GMT",
        "unavailable_after: whenever, or never",
        "googlebot: unavailable_after: 25 Jun 2010 15:00:00 PST",
        "noaim",
    ],
)
def test_what_does_not_refuse_us(tag: str) -> None:
    assert opt_out([tag], None, NOW) is None


def test_text_and_data_mining_reservation() -> None:
    assert opt_out([], " 1 ", NOW) == "TDM-Reservation: 1"
    assert opt_out([], "0", NOW) is None
    assert opt_out([], None, NOW) is None


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=3), st.none() | st.text(max_size=5))
def test_any_header_is_read(tags: list[str], reserved: str | None) -> None:
    found = opt_out(tags, reserved, NOW)
    assert found is None or found.startswith(("X-Robots-Tag: ", "TDM-Reservation: 1"))
    # Whatever else stands there, a plain refusal counts.
    assert opt_out([*tags, "noai"], reserved, NOW)


@settings(deadline=None)
@given(st.text(alphabet="unavailable_after: 0123456789-,TZ+JunGMT", max_size=60))
def test_any_date_is_read(text: str) -> None:
    tag = f"unavailable_after: {text}"
    assert opt_out([tag], None, NOW) in (None, "X-Robots-Tag: unavailable_after")
    assert opt_out([f"otherbot: {tag}"], None, NOW) is None
