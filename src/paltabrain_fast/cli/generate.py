"""``paltabrain-fast generate``: reads a schema file and writes the config module."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from ..schema import generate as generator
from ..schema.errors import SchemaError
from ..schema.load import load_schema


def generate(
    schema: Annotated[Path, typer.Argument(help="The schema, a YAML file: see docs/schema.md.")],
    out_dir: Annotated[Path, typer.Argument(help="Directory of the Python package to write.")],
    import_from: Annotated[
        str,
        typer.Option(
            metavar="PACKAGE", help="Package that the module takes its base classes from."
        ),
    ] = "paltabrain_fast",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if it would change a file.")
    ] = False,
) -> None:
    """Generate the config module of a schema: the classes of its events and context.

    Problems of the schema go to stderr, one a line; then nothing is written.
    """
    try:
        loaded = load_schema(schema)
        if check:
            _compare(generator.render(loaded, import_from=import_from), schema, out_dir)
            return
        generator.generate(loaded, out_dir, import_from=import_from)
    except SchemaError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:
        typer.echo(f"paltabrain-fast generate: {error}", err=True)
        raise typer.Exit(1) from None
    groups = len(loaded.context) + len(loaded.header)
    counts = {"event": len(loaded.events), "group": groups, "enum": len(loaded.enums)}
    told = ", ".join(f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items())
    typer.echo(f"{out_dir}: {told}")


def _compare(texts: dict[str, str], schema: Path, out_dir: Path) -> None:
    """Say which files are not as they would be written.

    Raises:
        typer.Exit: with code 1, if there are any.
        OSError: a file cannot be read.
    """
    findings = []
    for name, text in texts.items():
        file = out_dir / name
        try:
            written = file.read_text("utf-8")
        except FileNotFoundError:
            findings.append(f"{file}:1: is missing")
            continue
        if written != text:
            line = _first_difference(written, text)
            findings.append(f"{file}:{line}: is not what {schema} generates")
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo(f"{out_dir} is what {schema} generates")


def _first_difference(one: str, other: str) -> int:
    """Return the number of the first line that differs."""
    pairs = zip_longest(one.splitlines(), other.splitlines())
    return next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 1)
