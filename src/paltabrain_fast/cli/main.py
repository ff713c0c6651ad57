"""The ``paltabrain-fast`` command with its sub-commands, one file each."""

import typer

from . import download_config
from .ddl import ddl
from .dev import dev
from .export import export
from .generate import generate
from .reset import reset
from .sql import sql
from .tail import tail

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(generate)
app.command()(dev)
app.command()(tail)
app.command()(sql)
app.command()(export)
app.command()(ddl)
app.command()(reset)


@app.command(
    "download-config",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def _download_config(context: typer.Context) -> None:
    """Download the config module of your schema, as paltabrain-sdk-download-config does."""
    raise typer.Exit(download_config.main(context.args))
