"""Machines that run other code are refused by one line that says which and what."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shards.nodes import NodeFacts, code_digest, difference, facts_here, refusal

HERE = NodeFacts("3.11.7", {"numpy": "2.4.0", "torch": "2.15.0"}, "a" * 64)


def test_equal_machines_pass() -> None:
    assert difference(HERE, HERE) == ""
    assert refusal(HERE, {"10.0.0.1": HERE, "10.0.0.2": replace(HERE)}) == ""


@pytest.mark.parametrize(
    ("there", "what"),
    [
        (replace(HERE, python="3.12.1"), "Python 3.12.1 instead of 3.11.7"),
        (replace(HERE, libraries={"numpy": "2.4.0", "torch": "2.9"}), "torch 2.9 instead of 2.15"),
        (replace(HERE, libraries={"numpy": "2.4.0"}), "torch missing instead of 2.15.0"),
        (replace(HERE, code="b" * 64), "other lostfound code (bbbbbbbbbbbb instead of aaaaaaaaaa"),
        ("other lostfound code (No module)", "other lostfound code (No module)"),
    ],
)
def test_a_difference_is_named_with_its_machine(there: NodeFacts | str, what: str) -> None:
    line = refusal(HERE, {"10.0.0.1": HERE, "10.0.0.2": there})
    assert line.startswith(f"10.0.0.2: {what}")
    assert "make setup" in line
    assert "\n" not in line


def test_several_are_counted() -> None:
    other = replace(HERE, code="b" * 64)
    line = refusal(HERE, {"10.0.0.3": other, "10.0.0.1": HERE, "10.0.0.2": other})
    assert line.startswith("10.0.0.2: other")
    assert ", and 1 more;" in line


def test_the_digest_changes_with_any_file_and_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "enrich").mkdir()
    (tmp_path / "enrich" / "a.py").write_text("x = 1\n")
    first = code_digest(tmp_path)
    (tmp_path / "enrich" / "a.py").write_text("x = 2\n")
    second = code_digest(tmp_path)
    (tmp_path / "enrich" / "a.py").rename(tmp_path / "enrich" / "b.py")
    assert len({first, second, code_digest(tmp_path)}) == 3


def test_this_machine_knows_its_own() -> None:
    facts = facts_here()
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert facts.libraries["numpy"]
    assert len(facts.code) == 64
