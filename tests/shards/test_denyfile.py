import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shards.denyfile import add_rules, load_denylist
from shards.denylist import Kind, Rule
from shards.errors import UsageError
from shards.layout import DatasetLayout

words = st.text(
    st.characters(exclude_categories=["C", "Z"], codec="utf-8"), min_size=1, max_size=20
)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50
)
@given(st.lists(st.builds(Rule, st.just(Kind.ID), words, words, words, words), max_size=5))
def test_rules_are_read_as_they_were_written(tmp_path: Path, rules: list[Rule]) -> None:
    layout = DatasetLayout(tmp_path)
    layout.denylist.unlink(missing_ok=True)
    distinct = {rule.identity(): rule for rule in reversed(rules)}
    assert add_rules(layout, rules) == len(distinct)
    assert add_rules(layout, rules) == 0
    assert {rule.identity() for rule in load_denylist(layout).rules} == set(distinct)


def test_people_write_it_too(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    layout.denylist.write_text(
        '\ufeffvalue,rule\r\nJane Doe, AUTHOR\r\n"13,55,14,56",bbox\r\nfile-1,key\r\n'
    )
    rules = load_denylist(layout).rules
    assert [rule.rule for rule in rules] == [Kind.AUTHOR, Kind.BOX, Kind.KEY]
    add_rules(layout, [Rule(Kind.KEY, "file-2", reason='asked, on "Monday"')])
    assert load_denylist(layout).rules[:3] == rules
    assert load_denylist(layout).rules[3].reason == 'asked, on "Monday"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "first line must be rule,value,source,reason,added_at"),
        ("key\nfile-1\n", "first line must be"),
        ("rule,value\nkey,file-1\nkeys,file-2\n", r"denylist\.csv:3: 'keys' is not a valid Kind"),
        ("rule,value\nbbox,13,55,14,56\n", r"denylist\.csv:2: more than"),
        ("rule,value\nid,1\n", r"denylist\.csv:2: a rule id needs the source"),
        ("rule,value\nkey\n", r"denylist\.csv:2: '' is not a key"),
    ],
)
def test_a_row_that_is_no_rule_stops(tmp_path: Path, text: str, problem: str) -> None:
    layout = DatasetLayout(tmp_path)
    layout.denylist.write_text(text)
    with pytest.raises(UsageError, match=problem):
        load_denylist(layout)


def test_bytes_that_are_no_text_stop(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    layout.denylist.write_bytes(b"rule,value\nauthor,\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        load_denylist(layout)


def test_without_a_file_nothing_is_denied(tmp_path: Path) -> None:
    assert load_denylist(DatasetLayout(tmp_path / "none")).rules == ()


PROCESS = """
import sys
from pathlib import Path
from shards.denyfile import add_rules
from shards.denylist import Kind, Rule
from shards.layout import DatasetLayout
for number in range(20):
    add_rules(DatasetLayout(Path(sys.argv[1])), [Rule(Kind.KEY, f"{sys.argv[2]}-{number}")])
"""


def test_processes_do_not_lose_each_others_rules(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path), f"writer{number}"])
        for number in range(3)
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len(load_denylist(DatasetLayout(tmp_path)).rules) == 60
