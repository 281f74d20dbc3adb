"""Licences as sources give them: a Creative Commons address becomes its SPDX identifier."""

import re

_CREATIVE_COMMONS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)/([\d.]+)"
    r"(?:/(?:deed(?:\.[\w-]+)?|legalcode(?:\.[\w-]+)?)?)?/?(?:[?#].*)?",
    re.IGNORECASE,
)
_PUBLIC_DOMAIN = {"zero": "CC0", "mark": "CC-PDM"}
CC_BY_SA_4 = "https://creativecommons.org/licenses/by-sa/4.0/"


def spdx(url: str) -> str:
    """The SPDX identifier of a licence of Creative Commons; "" for any other, or a national one."""
    match = _CREATIVE_COMMONS.fullmatch(url.strip())
    if match is None:
        return ""
    family, kind, version = match[1].lower(), match[2].lower(), match[3]
    if family == "publicdomain":
        return f"{_PUBLIC_DOMAIN[kind]}-{version}" if kind in _PUBLIC_DOMAIN else ""
    return f"CC-{kind.upper()}-{version}"
