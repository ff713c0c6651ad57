"""Answers queries in SQL that a person wrote, within bounds of time, memory and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Timer
from typing import Final

import duckdb

from .errors import RefusedError
from .objects import plain

QUERY_SECONDS: Final = 30
"""Seconds that a query may take, its answer included."""

MAX_ROWS: Final = 1_000_000
"""Rows that a query may give."""

MAX_ROW_BYTES: Final = 8 * 2**20
"""Bytes that a row may have as text."""

MAX_BYTES: Final = 128 * 2**20
"""Bytes that an answer may have as JSON."""

_MEMORY_GIB: Final = 2
_DISK_GIB: Final = 4
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ROW_TOO_LARGE: Final = "a row of the answer is too large"


def confine(connection: duckdb.DuckDBPyConnection) -> None:
    """Bound what any query may use of the machine, and let none lift these bounds.

    No query can open another file, nor take over 2 GiB of memory and 4 GiB of disk beside the
    database file.
    """
    if _setting(connection, "lock_configuration") is True:
        return
    connection.execute("SET enable_external_access = false")
    size, _, unit = str(_setting(connection, "memory_limit")).partition(" ")
    if unit == "TiB" or (unit == "GiB" and float(size) > _MEMORY_GIB):
        connection.execute(f"SET memory_limit = '{_MEMORY_GIB}GiB'")
    connection.execute(f"SET max_temp_directory_size = '{_DISK_GIB}GiB'")
    connection.execute("SET lock_configuration = true")


def select(
    cursor: duckdb.DuckDBPyConnection, query: str, check: Callable[[], None] = lambda: None
) -> bytes:
    """Answer one SELECT; it can change nothing.

    Args:
        cursor: a connection that is confined. To end the query early, interrupt it.
        query: the SQL.
        check: called again and again; what it raises ends the query.

    Returns:
        JSON: ``columns`` with their names and types, and ``rows``.

    Raises:
        RefusedError: 400 if it is anything else, is wrong, or takes or gives too much.
        duckdb.InterruptException: it was interrupted.
    """
    deadline = time.monotonic() + QUERY_SECONDS
    try:
        statement = _bounded(cursor, query)
        check()
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        timer = Timer(QUERY_SECONDS, cursor.interrupt)
        timer.start()
        try:
            cursor.execute(statement)
            return _answer(cursor, deadline, check)
        finally:
            timer.cancel()
            cursor.execute("ROLLBACK")
    except duckdb.InterruptException:
        if time.monotonic() < deadline:
            raise
        raise _too_slow() from None
    except duckdb.OutOfMemoryException:
        raise RefusedError(
            400,
            f"the query needs over {_setting(cursor, 'memory_limit')} of memory, or over"
            f" {_DISK_GIB} GiB of disk; ask for less at once",
        ) from None
    except (duckdb.Error, ValueError, OverflowError) as error:
        if _ROW_TOO_LARGE in str(error):
            raise RefusedError(
                400,
                f"{_ROW_TOO_LARGE}, over {MAX_ROW_BYTES // 2**20} MiB; select less of it, or spread"
                " a list over rows by unnest()",
            ) from None
        raise RefusedError(400, str(error)) from None


def _bounded(cursor: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return a SELECT that gives the same, but no large row, and hardly more rows than allowed.

    DuckDB itself has to look at the size: its values become Python's in one step, a whole list at a
    time, which takes far more memory and cannot be interrupted.
    """
    statements = cursor.extract_statements(query)
    if len(statements) != 1:
        raise RefusedError(400, f"the query must be one SELECT, not {len(statements)} statements")
    # Each type is an object of its own before DuckDB 2: it is equal, and not the same.
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name.replace("_", " ")
        raise RefusedError(400, f"the query must be a SELECT, not {kind}")
    # DuckDB applies no condition before a LIMIT below it. So what the query itself leaves out is
    # not looked at. The order is kept.
    text = _without_semicolon(statements[0].query)
    return (
        f"SELECT * FROM (SELECT * FROM (\n{text}\n) LIMIT {MAX_ROWS + 1}) AS _answer"
        f" WHERE CASE WHEN strlen(_answer::VARCHAR) > {MAX_ROW_BYTES}"
        f" THEN error('{_ROW_TOO_LARGE}') ELSE true END"
    )


def _without_semicolon(query: str) -> str:
    text = query.encode()
    for start, _ in duckdb.tokenize(query):
        if text.startswith(b";", start):
            return text[:start].decode()
    return query


def _answer(cursor: duckdb.DuckDBPyConnection, deadline: float, check: Callable[[], None]) -> bytes:
    columns = [{"name": name, "type": str(type_)} for name, type_, *_ in cursor.description or ()]
    answer = bytearray(b'{"columns":%b,"rows":[' % _json(columns))
    rows = 0
    while (row := cursor.fetchone()) is not None:
        check()
        if time.monotonic() >= deadline:
            raise _too_slow()
        if rows == MAX_ROWS:
            raise RefusedError(400, f"the query gives over {MAX_ROWS} rows; add a LIMIT")
        answer += b"," if rows else b""
        answer += _json([plain(value, has_integers=True) for value in row])
        if len(answer) > MAX_BYTES:
            raise RefusedError(
                400,
                f"the answer has over {MAX_BYTES // 2**20} MiB; select fewer columns, add a LIMIT,"
                " or use `paltabrain-fast export` for whole tables",
            )
        rows += 1
    answer += b"]}"
    return bytes(answer)


def _json(value: object) -> bytes:
    return _ENCODER.encode(value).encode()


def _too_slow() -> RefusedError:
    return RefusedError(400, f"the query took over {QUERY_SECONDS} seconds; ask for less at once")


def _setting(connection: duckdb.DuckDBPyConnection, name: str) -> object:
    (value,) = connection.execute(f"SELECT current_setting('{name}')").fetchone() or (None,)
    return value
