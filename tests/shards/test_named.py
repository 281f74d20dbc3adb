"""Names of samples: what a text is, by its form."""

import pytest

from shards.errors import UsageError
from shards.named import Named, parse_names


def test_forms() -> None:
    texts = ["file-0001", " https://example.org/1 ", "AB" * 32]
    assert parse_names(texts) == Named(["file-0001"], ["https://example.org/1"], ["ab" * 32])


@pytest.mark.parametrize("text", ["", "a.b", "../x", "a b", "a" * 65])
def test_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="give a sample's key"):
        parse_names([text])
