"""SPDX identifiers of Creative Commons addresses."""

import pytest

from crawler.sources.licence import CC_BY_SA_4, spdx

CC = "creativecommons.org"


@pytest.mark.parametrize(
    ("url", "identifier"),
    [
        (CC_BY_SA_4, "CC-BY-SA-4.0"),
        (f"http://{CC}/licenses/by/2.0", "CC-BY-2.0"),
        (f"https://www.{CC}/licenses/by-nc-nd/3.0/deed.en", "CC-BY-NC-ND-3.0"),
        (f"https://{CC}/licenses/by/4.0/legalcode.fr", "CC-BY-4.0"),
        (f"http://{CC}/publicdomain/zero/1.0/deed.en", "CC0-1.0"),
        (f"https://{CC}/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        (f"https://{CC}/licenses/by-sa/3.0/de/", ""),
        (f"https://{CC}/publicdomain/certification/1.0/", ""),
        ("https://www.gnu.org/copyleft/fdl.html", ""),
        (f"https://example.org/{CC}/licenses/by/2.0/", ""),
        ("", ""),
    ],
)
def test_an_address_is_one_identifier_or_none(url: str, identifier: str) -> None:
    assert spdx(url) == identifier
