"""Keys are what every reader accepts; the order hash is one function in Python and in SQL."""

import re

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from shards.keys import HASH_RANGE, file_key, is_key, make_key, order_hash, order_hash_sql


@given(st.lists(st.text(max_size=80), min_size=1, max_size=3), st.text(max_size=40))
def test_any_identity_gives_a_key(identity: list[str], source: str) -> None:
    assert is_key(make_key(source, *identity))


@given(st.text(max_size=100))
def test_identities_that_differ_give_keys_that_differ(name: str) -> None:
    assert make_key("panoramax", name) != make_key("panoramax", name + ".")


def test_readable_identities_stay_readable() -> None:
    assert make_key("geoguessr", "aB3", 5) == "geoguessr-aB3-5"


def test_a_file_key_is_a_key() -> None:
    assert file_key("0123456789abcdef" * 4) == "file-0123456789abcdef01234567"
    assert is_key(file_key("f" * 64))


def test_what_is_not_a_key() -> None:
    for text in ("", "a.b", "a/b", "é", "a b", "a" * 65, "a\n"):
        assert not is_key(text)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", "a" * 64)
    assert is_key("a" * 64)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), min_size=1, max_size=20))
def test_the_order_hash_is_the_same_in_sql(keys: list[str]) -> None:
    for seed in (0, 42, 2**31):
        found = duckdb.execute(
            f"SELECT {order_hash_sql(seed)} FROM unnest($keys) AS t(key)", {"keys": keys}
        ).fetchall()
        assert [value for (value,) in found] == [order_hash(seed, key) for key in keys]


@given(st.integers(), st.text(max_size=64))
def test_the_order_hash_is_in_its_range(seed: int, key: str) -> None:
    assert 0 <= order_hash(seed, key) < HASH_RANGE <= 2**63
