"""The plan reads as a list, however large the steps are."""

import duckdb

from queries.question.plan import LONGEST, plan


def test_steps_are_indented() -> None:
    connection = duckdb.connect(":memory:")
    sql = "SELECT i % 3 AS k, count(*) AS n FROM range(1200) AS t(i) GROUP BY k ORDER BY n"
    [(_, text)] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    lines = plan(text).splitlines()
    assert lines[0].startswith("Order by")
    assert lines[-1].strip().startswith("Range (~1,200 rows)")
    depths = [len(line) - len(line.lstrip()) for line in lines]
    assert depths == [2 * depth for depth in range(len(lines))]


def test_long_steps_are_cut() -> None:
    connection = duckdb.connect(":memory:")
    listed = ", ".join(f"'value {i}'" for i in range(500))
    sql = f"SELECT i FROM range(9) AS t(i) WHERE i::VARCHAR || 'x' IN ({listed})"
    [(_, text)] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    assert max(map(len, plan(text).splitlines())) < LONGEST + 60
