"""Writes tables of events as statements of SQL, for DuckDB or for Snowflake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from .layout import Columns

__all__ = ["Dialect", "create_tables", "quoted"]


class Dialect(Enum):
    """What the statements are for."""

    SNOWFLAKE = "snowflake"
    DUCKDB = "duckdb"


_SNOWFLAKE_TYPES: Final = {
    "BIGINT": "NUMBER(20,0)",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP_MS": "TIMESTAMP_NTZ(3)",
    "VARCHAR": "VARCHAR(65536)",
}
_DECIMAL: Final = re.compile(r"DECIMAL(\(\d+,\d+\))")
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")


def create_tables(
    tables: Mapping[str, Columns], dialect: Dialect, remarks: Mapping[str, str] | None = None
) -> str:
    """Return the statements that create the schema ``event`` and its tables.

    Args:
        tables: for each table, DuckDB's types by name of the column.
        dialect: what the statements are for.
        remarks: what a table holds, by its name: it becomes a comment.

    Raises:
        ValueError: a column has a type that no table of events has.
    """
    statements = ["CREATE SCHEMA IF NOT EXISTS event;\n"]
    for table, columns in tables.items():
        remark = " ".join((remarks or {}).get(table, "").split())
        lines = ",\n".join(
            f"    {quoted(name)} {_type(type_, dialect)}" for name, type_ in columns.items()
        )
        statements.append(
            (f"-- {remark}\n" if remark else "")
            + f"CREATE TABLE IF NOT EXISTS event.{quoted(table)} (\n{lines}\n);\n"
        )
    return "\n".join(statements)


def quoted(name: str) -> str:
    """Return a name as SQL has it, in quotes only if it needs them."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _type(type_: str, dialect: Dialect) -> str:
    if dialect is Dialect.DUCKDB:
        return type_
    if type_.endswith("[]"):
        return "ARRAY"
    if type_.startswith("MAP("):
        return "OBJECT"
    if decimal := _DECIMAL.fullmatch(type_):
        return f"NUMBER{decimal[1]}"
    try:
        return _SNOWFLAKE_TYPES[type_]
    except KeyError:
        raise ValueError(f"no column of events has the type {type_}") from None
