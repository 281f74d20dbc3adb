from pathlib import Path

import pytest

from shards.errors import UsageError
from training.evaluation.subset import read_subset

KNOWN = ("DE", "GB", "SE")


@pytest.mark.parametrize("text", ["SE,de", "SE DE", "# north\nSE # two\nDE\n", '["SE", "DE"]'])
def test_lists_and_files(text: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(text)
    assert read_subset(str(tmp_path / "list"), KNOWN) == {"SE", "DE"}
    if "#" not in text and "[" not in text:
        assert read_subset(text, KNOWN) == {"SE", "DE"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SE,GER", "did you mean DE"),
        ("United-Kingdm", r"did you mean GB \(United Kingdom\)"),
        ("FR", "France is neither"),
        (" ,", "names no country"),
        ("qqq", "there are DE, GB, SE"),
    ],
)
def test_what_is_no_country_of_these(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_subset(text, KNOWN)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("[SE")
    with pytest.raises(UsageError, match="not a list of country codes"):
        read_subset(str(tmp_path / "list"), KNOWN)
