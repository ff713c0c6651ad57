"""The command line: chooses between ``download-config`` and the commands that need an extra."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["main"]

_OTHER_COMMANDS: Final = ("generate", "dev", "tail", "sql", "export", "ddl", "reset", "--help", "")
"""First arguments that do not mean ``download-config``; without arguments, help is shown."""


def main(*, is_module: bool = False) -> None:
    """Run ``paltabrain-fast`` or ``python -m paltabrain_fast`` with the arguments of the process.

    ``download-config`` needs no extra. Its name may be left out before one of its options. With
    ``python -m`` it may be left out before its path, too, since ``python -m paltabrain_sdk`` takes
    such arguments. The other commands need the extra ``collector``; if that is missing, one line
    says what to install.

    Args:
        is_module: whether ``python -m`` runs this.

    Raises:
        SystemExit: with the exit code, or the text of the error.
    """
    from . import download_config

    command, *rest = sys.argv[1:] or [""]
    if command == "download-config":
        sys.exit(download_config.main(rest))
    if command.partition("=")[0] in download_config.OPTIONS or (
        is_module and command not in _OTHER_COMMANDS
    ):
        sys.exit(download_config.main([command, *rest]))
    try:
        from .main import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("paltabrain"):
            raise
        sys.exit(
            f"paltabrain-fast: {error.name} is not installed, and every command but download-config"
            " needs it: pip install 'paltabrain-fast[collector]'"
        )
    app()
