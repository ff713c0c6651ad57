"""``paltabrain-fast ddl``: statements that make the tables which the collector makes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.schema.model import Kind, Property

from ..schema.packages import EXAMPLE
from .commands import output, run
from .stored import SCHEMA

LAYOUT = plan_layout(SCHEMA)


def statements(text: str, dialect: str) -> list[exp.Expr]:
    return [parsed for parsed in sqlglot.parse(text, read=dialect) if parsed]


def test_duckdb_takes_the_statements_and_has_the_tables_then() -> None:
    with duckdb.connect() as connection:
        connection.execute(output("ddl", "--dialect", "duckdb", "--schema", EXAMPLE))
        found: dict[str, dict[str, str]] = {}
        for table, column, type_ in connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE schema_name = 'event' ORDER BY table_oid, column_index"
        ).fetchall():
            found.setdefault(table, {})[column] = type_
    assert found == {table.name: table.columns for table in LAYOUT.tables}


def test_a_file_and_a_collector_give_the_tables_of_their_schema(where: list[str]) -> None:
    text = output("ddl", "--dialect", "snowflake", "--schema", EXAMPLE)
    assert output("ddl", "--dialect", "snowflake", *where) == text


def warehouse_type(prop: Property) -> str:
    if prop.is_repeated:
        return "ARRAY"
    if prop.is_map:
        return "OBJECT"
    return {
        Kind.BOOLEAN: "BOOLEAN",
        Kind.DECIMAL: f"NUMBER({prop.precision},{prop.scale})",
        Kind.ENUM: "VARCHAR(65536)",
        Kind.INTEGER: "NUMBER(20,0)",
        Kind.STRING: "VARCHAR(65536)",
        Kind.TIMESTAMP: "TIMESTAMP_NTZ(3)",
    }[prop.kind]


def test_snowflake_gets_the_types_that_the_server_has() -> None:
    text = output("ddl", "--dialect", "snowflake", "--schema", EXAMPLE)
    schema, *tables = statements(text, "snowflake")
    assert schema.sql("snowflake") == "CREATE SCHEMA IF NOT EXISTS event"
    assert [each.find(exp.Table).sql() for each in tables] == [  # type: ignore[union-attr]
        f"event.{table.name}" for table in LAYOUT.tables
    ]
    for statement, table in zip(tables, LAYOUT.tables, strict=True):
        assert [column.name for column in statement.find_all(exp.ColumnDef)] == list(table.columns)
        for prop in table.event.properties:
            assert f"    {table.payload.names[prop.name]} {warehouse_type(prop)}" in text


def test_what_an_event_is_stands_above_its_table() -> None:
    text = output("ddl", "--dialect", "snowflake", "--schema", EXAMPLE)
    assert "-- A page was opened.\nCREATE TABLE IF NOT EXISTS event.f_page_open (\n" in text


def test_problems_of_the_schema_are_a_line_each(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("event:\n  A: {}\n  B: {id: x}\n")
    done = run("ddl", "--dialect", "duckdb", "--schema", schema)
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2


def test_events_that_need_one_table_are_told(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("event:\n  AB: {id: 1}\n  A_b: {id: 2}\n")
    done = run("ddl", "--dialect", "duckdb", "--schema", schema)
    assert (done.exit_code, done.stdout) == (1, "")
    assert str(schema) in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--dialect", "oracle"]])
def test_a_wrong_call_is_a_usage_error(arguments: list[str]) -> None:
    assert run("ddl", *arguments).exit_code == 2
