"""The ``paltabrain-fast`` command: one sub-command a file."""

import typer

from .dev import dev
from .generate import generate

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(generate)
app.command()(dev)
