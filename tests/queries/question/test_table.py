"""Tables fit the terminal and say what they leave out."""

import pyarrow as pa
import pytest

from queries.question.table import as_table, is_plan


def table(columns: dict[str, list[object]], width: int | None, more: int = 0) -> list[str]:
    data = pa.table(columns)
    rows = [tuple(map(str, row.values())) for row in data.to_pylist()]
    return as_table(data.schema, rows, more, width).splitlines()


def test_numbers_stand_to_the_right() -> None:
    lines = table({"text": ["a", "bbb"], "n": [1, 1000], "x": [0.5, 12.25]}, None)
    assert lines[3:5] == ["│ a    │    1 │   0.5 │", "│ bbb  │ 1000 │ 12.25 │"]


@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize("columns", [1, 3, 12, 60])
def test_no_line_is_wider_than_the_terminal(width: int, columns: int) -> None:
    lines = table({f"column_{i}": ["日本" * 30, "x"] for i in range(columns)}, width)
    wide = [line for line in lines if not line.startswith("… columns")]
    from rich.cells import cell_len

    assert max(map(cell_len, wide)) <= width
    assert "column_0" in lines[1] or width < 40


def test_columns_are_left_out_in_the_middle() -> None:
    lines = table({f"c{i}": ["value"] for i in range(20)}, 60)
    assert lines[1].startswith("┃ c0    ┃ c1    ┃")
    assert "┃ …" in lines[1]
    assert lines[1].endswith("┃ c19   ┃")
    assert lines[-1].startswith("… columns left out: ")
    left_out = int(lines[-1].split(": ")[1].split(" ")[0])
    shown = sum(f" c{i} " in lines[1] for i in range(20))
    assert shown + left_out == 20


def test_long_values_are_folded_and_not_lost() -> None:
    lines = table({"a": ["x" * 100], "b": [1]}, 50)
    assert sum(line.count("x") for line in lines) == 100
    assert not any("left out" in line for line in lines)


def test_more_rows_are_counted() -> None:
    assert table({"a": [1, 2]}, 80, more=1234)[-1].startswith("… 1,234 more rows than these 2")


def test_no_columns_and_no_rows() -> None:
    assert table({"a": []}, 80)[1] == "┃ a ┃"
    assert as_table(pa.schema([]), [], 0, 80).strip() == ""


def test_a_plan_is_one() -> None:
    text = pa.string()
    assert is_plan(pa.schema([("explain_key", text), ("explain_value", text)]))
    assert not is_plan(pa.schema([("explain_key", text)]))
