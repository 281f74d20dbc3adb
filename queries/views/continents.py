"""The SQL macro `continent`."""

from enrich.geo.continents import CONTINENTS


def continent_macro() -> str:
    """The statement that makes `continent(country_code)`; null for a code that is not in use."""
    branches = "\n".join(
        f"WHEN upper(country_code) IN ({', '.join(repr(code) for code in codes.split())})"
        f" THEN '{name}'"
        for name, codes in CONTINENTS.items()
    )
    return f"CREATE MACRO continent(country_code) AS CASE {branches} END"
