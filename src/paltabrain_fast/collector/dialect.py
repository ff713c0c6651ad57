"""Writes tables of events as statements of SQL, for DuckDB or for Snowflake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from .conversion import MAX_CHARACTERS
from .layout import Table, quoted

__all__ = ["Dialect", "create_tables"]


class Dialect(Enum):
    """What the statements are for."""

    SNOWFLAKE = "snowflake"
    DUCKDB = "duckdb"


_SNOWFLAKE_TYPES: Final = {
    "BIGINT": "NUMBER(20,0)",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP_MS": "TIMESTAMP_NTZ(3)",
    "VARCHAR": f"VARCHAR({MAX_CHARACTERS})",
}
_DECIMAL: Final = re.compile(r"DECIMAL(\(\d+,\d+\))")
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")


def create_tables(tables: Iterable[Table], dialect: Dialect) -> str:
    """Return the statements that create the schema ``event`` and these tables.

    What an event is, as the schema describes it, becomes a comment above its table.
    """
    statements = ["CREATE SCHEMA IF NOT EXISTS event;\n"]
    for table in tables:
        remark = " ".join(table.event.description.split())
        columns = ",\n".join(
            f"    {_name(name)} {_type(type_, dialect)}" for name, type_ in table.columns.items()
        )
        statements.append(
            (f"-- {remark}\n" if remark else "")
            + f"CREATE TABLE IF NOT EXISTS event.{_name(table.name)} (\n{columns}\n);\n"
        )
    return "\n".join(statements)


def _name(name: str) -> str:
    """Return a name as SQL has it, in quotes only if it needs them."""
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def _type(type_: str, dialect: Dialect) -> str:
    if dialect is Dialect.DUCKDB:
        return type_
    if type_.endswith("[]"):
        return "ARRAY"
    if type_.startswith("MAP("):
        return "OBJECT"
    if decimal := _DECIMAL.fullmatch(type_):
        return f"NUMBER{decimal[1]}"
    return _SNOWFLAKE_TYPES[type_]
