"""What people write for countries, and what the server makes of it."""

import pytest

from shards.labels import CountryLabel, Labels
from training.baseline.names import country_options, read_guesses

NAMES = {
    "BR": "Brazil",
    "CI": "Côte d'Ivoire",
    "CZ": "Czechia",
    "DE": "Germany",
    "GB": "United Kingdom",
}
LABELS = Labels(
    countries=[
        CountryLabel(index=n, code=code, name=name, samples=1)
        for n, (code, name) in enumerate(NAMES.items())
    ],
    regions=[],
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Brazil", "BR"),
        (" brasil ", "BR"),
        ("cote d ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("ELFENBEINKÜSTE", "CI"),
        ("Czech Republic", "CZ"),
        ("Česko", "CZ"),
        ("de", "DE"),
        ("Allemagne", "DE"),
        ("UK", "GB"),
        ("Scotland", "GB"),
    ],
)
def test_any_spelling(text: str, code: str) -> None:
    assert read_guesses([text], LABELS, 1) == ([code], [])


def test_five_different_ones_are_wanted() -> None:
    codes, problems = read_guesses(["UK", "England", "", "Atlantis", "Japan"], LABELS, 5)
    assert codes == ["GB", "GB", "", "", "JP"]
    assert problems == [
        "Guess 2 names the same country as guess 1.",
        "Guess 3 is missing: name 5 countries.",
        "Guess 4: no country is called “Atlantis”.",
        "Guess 5: none of the 5 countries of this data.",
    ]
    assert len(read_guesses([], LABELS, 5)[1]) == 5
    assert read_guesses(["x" * 10_000], LABELS, 1)[1] == [
        f"Guess 1: no country is called “{'x' * 100}”."
    ]


def test_the_page_completes_from_the_same_names() -> None:
    options = {option["code"]: option for option in country_options(LABELS)}
    assert list(options) == ["BR", "CZ", "CI", "DE", "GB"]
    assert {"holland"} & set(options["GB"]["also"]) == set()
    assert "ivory coast" in options["CI"]["also"]
    for code, option in options.items():
        for name in option["also"]:
            assert read_guesses([name], LABELS, 1) == ([code], [])
