"""``paltabrain-fast generate``: reads a schema file and writes the config module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..schema import generate as generator
from ..schema.errors import SchemaError
from ..schema.load import load_schema


def generate(
    schema: Annotated[Path, typer.Argument(help="The schema, a YAML file.")],
    out_dir: Annotated[Path, typer.Argument(help="Directory of the Python package to write.")],
    import_from: Annotated[
        str, typer.Option(help="Package that the module takes its base classes from.")
    ] = "paltabrain_fast",
) -> None:
    """Generate the config module of a schema: the classes of its events and context.

    Problems of the schema go to stderr, one a line; then nothing is written.
    """
    try:
        loaded = load_schema(schema)
        generator.generate(loaded, out_dir, import_from=import_from)
    except SchemaError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:
        typer.echo(f"paltabrain-fast generate: {error}", err=True)
        raise typer.Exit(1) from None
    groups = len(loaded.context) + len(loaded.header)
    typer.echo(
        f"{out_dir}: {len(loaded.events)} events, {groups} groups, {len(loaded.enums)} enums"
    )
