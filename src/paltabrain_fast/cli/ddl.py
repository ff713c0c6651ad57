"""``paltabrain-fast ddl``: the statements that create the tables of events in a warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..collector.dialect import Dialect, create_tables
from ..collector.errors import CollectorError
from ..collector.layout import Table, plan_layout
from ..schema.errors import SchemaError
from ..schema.load import load_schema
from .failure import CommandError, reported
from .source import DbOption, UrlOption, event_tables, opened


def ddl(
    dialect: Annotated[Dialect, typer.Option(help="What the statements are for.")],
    schema: Annotated[
        Path | None,
        typer.Option(help="The schema file; else that of the collector.", metavar="FILE"),
    ] = None,
    url: UrlOption = None,
    db: DbOption = None,
) -> None:
    """Print the statements that create the tables of events, laid out as in the warehouse.

    Exit codes: 0, 1 if the schema is wrong or no tables are found, 2 for a wrong call.
    """
    with reported("ddl"):
        if schema is not None:
            typer.echo(create_tables(_of_schema(schema), dialect), nl=False)
            return
        with opened(url, db) as source:
            tables = event_tables(source)
        typer.echo(create_tables(tables, dialect), nl=False)


def _of_schema(file: Path) -> Sequence[Table]:
    try:
        return plan_layout(load_schema(file)).tables
    except SchemaError as error:
        typer.echo(str(error), err=True)  # a problem a line, with its place
        raise typer.Exit(1) from None
    except CollectorError as error:
        raise CommandError(f"{file}: {error}") from None
