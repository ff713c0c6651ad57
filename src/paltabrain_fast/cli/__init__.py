"""The command line: tells the commands that need no extra from those that do."""

from __future__ import annotations

import signal
import sys
from typing import Final

from ..version import __version__

__all__ = ["main"]

_OTHER_COMMANDS: Final = (
    *("check", "ddl", "dev", "export", "generate", "reset", "run", "sql", "tail"),
    *("--help", "--install-completion", "--show-completion", ""),
)
"""First arguments that do not mean ``download-config``; without arguments, help is shown."""


def main(*, is_module: bool = False) -> None:
    """Run ``paltabrain-fast`` or ``python -m paltabrain_fast`` with the arguments of the process.

    ``download-config``, ``doctor`` and ``--version`` need no extra. The name ``download-config``
    may be left out before one of its options. With ``python -m`` it may be left out before its
    path, too, since ``python -m paltabrain_sdk`` takes such arguments. The other commands need the
    extra ``collector``; if that is missing, one line says what to install.

    Args:
        is_module: whether ``python -m`` runs this.

    Raises:
        SystemExit: with the exit code, or the text of the error.
    """
    from . import download_config

    command, *rest = sys.argv[1:] or [""]
    if command == "--version":
        print(f"paltabrain-fast {__version__}")
        sys.exit(0)
    if command == "download-config":
        sys.exit(download_config.main(rest))
    if command == "doctor":
        from . import doctor

        sys.exit(doctor.main(rest))
    if command.partition("=")[0] in download_config.OPTIONS or (
        is_module and command not in _OTHER_COMMANDS
    ):
        sys.exit(download_config.main([command, *rest]))
    try:
        from .main import app
    except KeyboardInterrupt:  # importing takes half a second
        sys.exit(128 + signal.SIGINT)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("paltabrain"):
            raise
        sys.exit(
            f"paltabrain-fast: {error.name} is not installed, and every command but download-config"
            " and doctor needs it: pip install 'paltabrain-fast[collector]'"
        )
    app()
