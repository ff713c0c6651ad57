"""``paltabrain-fast check``: a config module is current, and the source uses it well."""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ...constant import API_KEY_VARIABLE
from ...encoding.display import counted
from ...errors import PaltabrainError
from ...schema.compare import differences
from ...schema.errors import SchemaError
from ...schema.load import load_schema
from ...schema.model import Schema
from ...schema.read_module import ReadModule, read_package
from ..config_archive import unpack
from ..download_config import download_config_zip
from .context_changes import context_changes, has_scopes
from .sources import find_module, parsed, python_files
from .uses import ConfigModule, uses_of

__all__ = ["check"]


class Finding(NamedTuple):
    """Something that is not as it should be, at a line of a file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def check(
    module: Annotated[
        str,
        typer.Argument(help="The config module: its directory, or the name that you import."),
    ],
    schema: Annotated[
        Path | None,
        typer.Option(help="Schema that the module should be made from.", metavar="FILE"),
    ] = None,
    hostname: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Server whose module it should be, instead of --schema."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar=API_KEY_VARIABLE,
            show_envvar=True,
            help="API key for --hostname.",
        ),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|DIR", help="Source that uses the module; may be given more than once."
        ),
    ] = None,
    ignore_unused: Annotated[
        list[str] | None,
        typer.Option(
            help="Event that other code uses, or a pattern such as 'EventAdmin*'; may be given more"
            " than once.",
            metavar="EVENTX",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a config module is current, and that your source uses it well.

    Nothing is imported or run. Findings go to stdout, one a line; then the exit code is 1.
    """
    if schema is not None and hostname is not None:
        raise typer.BadParameter("give --schema or --hostname, not both")
    if schema is None and hostname is None and not source:
        raise typer.BadParameter("give --schema, --hostname or --source: there is nothing to check")
    if ignore_unused and not source:
        raise typer.BadParameter("--ignore-unused is for --source")
    if hostname is not None and not api_key:
        raise typer.BadParameter(f"--hostname needs --api-key or {API_KEY_VARIABLE}")
    directory = find_module(module)
    if directory is None:
        raise typer.BadParameter(f"there is no config module {module!r}", param_hint="MODULE")
    try:
        read = read_package(directory)
        findings: list[Finding] = []
        if schema is not None:
            findings += _outdated(directory, read, load_schema(schema), str(schema))
        if hostname is not None:
            theirs = _served(hostname, api_key or "")
            findings += _outdated(directory, read, theirs, f"the server {hostname}")
        if source:
            findings += _misused(directory, read, source, ignore_unused or [])
    except SchemaError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (OSError, ValueError, PaltabrainError) as error:
        typer.echo(f"paltabrain-fast check: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        found = [finding._asdict() for finding in findings]
        typer.echo(json.dumps({"ok": not found, "findings": found}, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(str(finding))
        typer.echo(counted(len(findings), "finding") if findings else "no findings", err=True)
    raise typer.Exit(1 if findings else 0)


def _served(hostname: str, api_key: str) -> Schema:
    """Return the schema of the module that a server sends."""
    with tempfile.TemporaryDirectory() as directory:
        unpack(download_config_zip(hostname, api_key), Path(directory))
        return read_package(Path(directory)).schema


def _outdated(directory: Path, read: ReadModule, wanted: Schema, owner: str) -> Iterator[Finding]:
    file = str(directory / "__init__.py")
    for each in differences(read.schema, wanted, owner):
        yield Finding(file, read.lines.get(each.where, 1), each.text)


def _misused(
    directory: Path, read: ReadModule, sources: list[Path], elsewhere: list[str]
) -> Iterator[Finding]:
    module = ConfigModule(directory, read)
    used: set[str] = set()
    files = dict.fromkeys(file for path in sources for file in python_files(path, directory))
    trees: dict[Path, ast.Module] = {}
    for file in files:
        try:
            trees[file] = parsed(file)
            uses = uses_of(module, file, trees[file])
        except SyntaxError as error:
            yield Finding(str(file), error.lineno or 1, f"is not valid Python: {error.msg}")
            continue
        except (OSError, ValueError, RecursionError, MemoryError) as error:  # nested too deep
            trees.pop(file, None)
            yield Finding(str(file), 1, f"cannot be read: {type(error).__name__}: {error}")
            continue
        used |= uses.names
        for line, text in uses.problems:
            yield Finding(str(file), line, text)
    if not any(map(has_scopes, trees.values())):
        for file, tree in trees.items():
            for line, text in context_changes(tree, module.groups["Context"]):
                yield Finding(str(file), line, text)
    where = ", ".join(map(str, sources))
    for event in read.schema.events:
        name = f"Event{event.name}"
        if name not in used and not event.is_deprecated and not _is_any(name, elsewhere):
            text = f"{name} is never used in {where}"
            yield Finding(str(directory / "__init__.py"), read.lines.get(name, 1), text)


def _is_any(name: str, patterns: list[str]) -> bool:
    """Tell whether one of the patterns means an event; their prefix may be left out."""
    return any(fnmatchcase(name, f"Event{each.removeprefix('Event')}") for each in patterns)
