"""What may run and what is refused, with the check and without it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from queries.question.reading import TABLE_FUNCTIONS, check_reads_only
from queries.views.catalogue import connect
from queries.views.sources import quoted
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dataset(hand_made: HandMade) -> Path:
    rows = [row(i, country) for i, country in enumerate(["SE", "SE", "DE", "FR"])]
    hand_made.add_part([*rows, row(9, status="rejected", reason="blurry", detail="12 < 30")])
    return hand_made.layout.root


READING = [
    "SELECT 1",
    "FROM samples;",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) FROM t",
    "SELECT 1 UNION SELECT 2",
    "DESCRIBE captures",
    "SUMMARIZE samples",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT count(*) FROM samples",
    "PIVOT captures ON status IN ('kept', 'rejected') USING count(*) GROUP BY source",
    "/* a comment */\nSELECT 'COPY_QUERY_NODE' AS type -- another",
    "SELECT * FROM range(3), unnest([1, 2]) AS t(x)",
    "SELECT key, value FROM json_each('{\"a\": 1}')",
    "SELECT column_name FROM duckdb_columns() WHERE table_name = 'samples'",
    "SELECT 'enable_logging()' AS text, [x FOR x IN [1, 2]] AS list",
    "SELECT * FROM read_parquet({part})",
    "SELECT name FROM parquet_schema({part})",
]

REFUSED = [
    # Writing, also where only the syntax tree shows it.
    "COPY (SELECT 1) TO {part} (USE_TMP_FILE false)",
    "COPY captures TO {new}",
    "COPY captures FROM {other}",
    "WITH x AS (COPY (SELECT 1) TO {part} (USE_TMP_FILE false)) FROM x",
    "SELECT (WITH x AS (COPY (SELECT 1) TO {part} (USE_TMP_FILE false)) FROM x)",
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO {new}) FROM x) AS y",
    "SELECT 1 WHERE EXISTS (WITH x AS (COPY (SELECT 1) TO {new}) FROM x)",
    "SELECT [(WITH x AS (COPY (SELECT 1) TO {new}) SELECT 1) FOR i IN [1]]",
    "SELECT 1 UNION (WITH x AS (COPY (SELECT 1) TO {new}) SELECT 2)",
    "SELECT 1 ORDER BY (WITH x AS (COPY (SELECT 1) TO {new}) SELECT 2)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO {part} (USE_TMP_FILE false)",
    "/**/ EXPLAIN ANALYZE COPY (SELECT 1) TO {part} (USE_TMP_FILE false)",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO {new}",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO {part} (USE_TMP_FILE false)) FROM x",
    "SELECT 1; COPY (SELECT 1) TO {part} (USE_TMP_FILE false)",
    "SELECT 1; SELECT 2",
    "EXPORT DATABASE {other}",
    "IMPORT DATABASE {other}",
    "CREATE TABLE t (i INTEGER)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW samples AS SELECT 1",
    "CREATE OR REPLACE MACRO share(n) AS 1",
    "CREATE SECRET (TYPE s3)",
    "CREATE SCHEMA s",
    "DROP VIEW captures",
    "ALTER VIEW captures RENAME TO c",
    "INSERT INTO captures (key) VALUES ('x')",
    "UPDATE captures SET key = 'x'",
    "DELETE FROM captures",
    "TRUNCATE captures",
    "MERGE INTO captures USING samples USING (key) WHEN MATCHED THEN DELETE",
    "COMMENT ON VIEW captures IS 'x'",
    # Databases, extensions, settings.
    "ATTACH '{folder}/other.db'",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs",
    "LOAD httpfs",
    "LOAD {other}",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = {new}",
    "CALL enable_logging()",
    "SELECT * FROM enable_logging('QueryLog', storage := 'file', storage_path := {new})",
    "SELECT * FROM disable_logging()",
    "SELECT * FROM truncate_duckdb_logs()",
    "FROM force_checkpoint()",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    # Text that is run, and addresses that are read.
    "SELECT * FROM query('COPY (SELECT 1) TO ''x''')",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''x'') FROM x')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "PRAGMA json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM arrow_scan(1::BIGINT::POINTER, 1::POINTER, 1::POINTER)",
    "SELECT * FROM pandas_scan(1::BIGINT::POINTER)",
    "SELECT * FROM register_external_resource('x')",
    "SELECT * FROM samples, LATERAL (FROM query('SELECT 1'))",
    # Reading what is not the dataset's.
    "SELECT * FROM read_text({other})",
    "SELECT * FROM read_blob({other})",
    "SELECT * FROM read_csv({other})",
    "SELECT * FROM read_csv_auto({other})",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_json({other})",
    "SELECT * FROM read_ndjson({other})",
    "SELECT * FROM read_json_objects({other})",
    "SELECT * FROM read_parquet({other})",
    "SELECT * FROM read_parquet([{part}, {other}])",
    "SELECT * FROM parquet_metadata({other})",
    "SELECT * FROM parquet_kv_metadata({other})",
    "SELECT * FROM sniff_csv({other})",
    "SELECT * FROM read_duckdb({other})",
    "SELECT * FROM {other}",
    "SELECT * FROM '{folder}/*.txt'",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM query_table('/etc/passwd')",
    "WITH x AS (FROM read_text({other})) FROM x",
    "SELECT (SELECT content FROM read_text({other}))",
    "SELECT * FROM samples WHERE key IN (SELECT content FROM read_text({other}))",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM read_text('file:///etc/passwd')",
    "SELECT * FROM read_text('{folder}/enriched/../other.txt')",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT getenv('HOME')",
    "SELECT * FROM frame",
    "DESCRIBE {other}",
    "SUMMARIZE '/etc/passwd'",
    "",
    "-- nothing",
]


def fill(sql: str, layout: DatasetLayout) -> str:
    """The statement with the names of a part, of another file and of a new one."""
    folder = str(layout.root).replace("'", "''")
    names = {"part": layout.parts()[0], "other": layout.root / "other.txt"}
    names["new"] = layout.root / "new.txt"
    for name, path in names.items():
        sql = sql.replace(f"{{{name}}}", quoted(str(path)))
    return sql.replace("{folder}", folder)


@pytest.mark.parametrize("sql", READING)
def test_reading_is_allowed(tmp_path: Path, lostfound: Run, sql: str) -> None:
    layout = DatasetLayout(tmp_path)
    HandMade(layout).add_part([row(1), row(2)])
    code, _, error = lostfound("query", tmp_path, fill(sql, layout))
    assert (code, error) == (0, "")


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_is_refused(
    dataset: Path, hand_made: HandMade, lostfound: Run, sql: str
) -> None:
    part = hand_made.layout.parts()[0]
    (dataset / "other.txt").write_text("secret")
    frame = [1]  # a Python variable is no table
    before = part.read_bytes()
    code, out, error = lostfound("query", dataset, fill(sql, hand_made.layout))
    del frame
    assert code == 2
    assert error.count("\n") == 1
    assert "secret" not in out + error.replace("duckdb_secrets", "").replace("which_secret", "")
    assert part.read_bytes() == before
    assert sorted(path.name for path in dataset.iterdir()) == ["enriched", "other.txt"]


NOT_FOR_THE_LOCK = (
    # In memory alone, and gone with the connection.
    *("CREATE", "DROP", "ALTER", "COMMENT", "SET VARIABLE", "USE", "ATTACH ':memory:'", "BEGIN"),
    *("PREPARE", "CHECKPOINT", "VACUUM", "ANALYZE", "SELECT 1; SELECT 2", "FROM force_checkpoint"),
    *("SELECT * FROM disable_logging", "SELECT * FROM truncate_duckdb_logs", "CALL enable_logging"),
    *("FROM json_execute", "PRAGMA json_execute", "PRAGMA enable_profiling", "EXECUTE p"),
    # The dataset's own files may be opened, and so may be overwritten; addresses are as they are.
    *("SELECT * FROM arrow_scan", "SELECT * FROM pandas_scan", "-- nothing"),
)


@pytest.mark.parametrize(
    "sql",
    [
        sql
        for sql in REFUSED
        if sql and "{part} (USE" not in sql and not sql.startswith(NOT_FOR_THE_LOCK)
    ],
)
def test_the_lock_holds_without_the_check(dataset: Path, hand_made: HandMade, sql: str) -> None:
    (dataset / "other.txt").write_text("secret")
    connection = connect(hand_made.layout)
    try:
        rows = connection.execute(fill(sql, hand_made.layout)).fetchall()
    except duckdb.Error:
        rows = []
    assert "secret" not in str(rows)
    assert sorted(path.name for path in dataset.iterdir()) == ["enriched", "other.txt"]
    assert connection.execute("SELECT count(*) FROM captures").fetchall() == [(5,)]


def test_each_allowed_function_is_known() -> None:
    """A name that DuckDB no longer has would hide that it was renamed."""
    known = duckdb.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    assert TABLE_FUNCTIONS - {name for (name,) in known} == set()


def test_a_with_clause_that_writes_is_named(dataset: Path) -> None:
    with pytest.raises(UsageError, match="COPY inside"):
        check_reads_only(
            connect(DatasetLayout(dataset)), "WITH x AS (COPY (SELECT 1) TO 'y') FROM x"
        )


def test_unsafe_lifts_it(dataset: Path, lostfound: Run) -> None:
    out = dataset / "copied.csv"
    sql = f"COPY (SELECT 42 AS answer) TO {quoted(str(out))}"
    assert lostfound("query", dataset, sql, "--unsafe")[0] == 0
    assert out.read_text() == "answer\n42\n"
    assert lostfound("query", dataset, f"FROM {quoted(str(out))}", "--unsafe")[0] == 0
