"""The ``paltabrain-fast`` command with its sub-commands, one file each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer

from . import doctor, download_config
from .check import check
from .ddl import ddl
from .dev import dev
from .export import export
from .generate import generate
from .own_parser import OwnParserCommand
from .reset import reset
from .run import run
from .sql import sql
from .tail import tail

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # whose boxes show a flag as if it took a value, <bool>
    epilog="Exit codes: 0 well, 1 findings or a failure, 2 wrong usage.",
)


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version, and exit."),
) -> None:
    """Tools for the events of PaltaBrain: see them arrive, check them, find out why they do not."""
    # ``cli.main()`` answers --version, which needs no extra.
    del version


def _add(command: Callable[..., None], name: str | None = None, **settings: Any) -> None:
    """Add a command, whose help is its docstring: typer would keep the ends of its lines."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    text = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    # the first paragraph of ``help`` would be cut in the list of commands
    app.command(name, help=text, short_help=paragraphs[0], **settings)(command)


for _command in (generate, dev, tail, sql, export, ddl, reset, check):
    _add(_command)
_add(run, context_settings={"allow_interspersed_args": False})


def _doctor(context: typer.Context) -> None:
    """Find out why events do not arrive: network, key, config module, engine, versions."""
    raise typer.Exit(doctor.main(context.args))


def _download_config(context: typer.Context) -> None:
    """Download the config module of your schema, as paltabrain-sdk-download-config does."""
    raise typer.Exit(download_config.main(context.args))


for _name, _own, _its_options in (
    ("doctor", _doctor, doctor.OPTIONS),
    ("download-config", _download_config, download_config.OPTIONS),
):
    _add(
        _own,
        _name,
        cls=OwnParserCommand.of(_its_options),
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
