"""``paltabrain-fast sql``: one SELECT on the tables of events."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer

from .failure import CommandError, UsageError, reported
from .output import write_csv, write_json, write_table
from .source import DbOption, UrlOption, opened


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT; SHOW and DESCRIBE are some, too.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False,
    url: UrlOption = None,
    db: DbOption = None,
) -> None:
    """Query the events with SQL, from the running collector or from its file.

    The tables are event.f_NAME, one for each type of event; "SELECT name FROM (SHOW ALL TABLES)"
    lists them. Exit codes: 0, 1 if the query fails or no events are found, 2 if it is no SELECT.
    """
    with reported("sql"):
        if as_json and as_csv:
            raise UsageError("--json and --csv exclude each other")
        _require_select(query)
        with opened(url, db) as source:
            result = source.sql(query)
            write = write_json if as_json else write_csv if as_csv else write_table
            write(result)


def _require_select(query: str) -> None:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise CommandError(str(error).partition("\n")[0]) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(
            "only one SELECT is run, which changes nothing: to delete the events, use"
            " `paltabrain-fast reset`"
        )
