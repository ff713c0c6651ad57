"""Command line: ``paltabrain-fast`` and ``paltabrain-sdk-download-config``."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["main"]

_OTHERS: Final = ("generate", "dev", "--help", "")
"""What ``download-config`` is not meant by; nothing at all asks for help, too."""


def main(*, is_module: bool = False) -> None:
    """Run ``paltabrain-fast``, which is ``python -m paltabrain_fast`` as well.

    ``download-config`` needs no extra. Its options may come without its name, and to ``python -m``
    its path as well, as ``python -m paltabrain_sdk`` takes them. For the rest, say in one line what
    to install if the extra is missing.

    Args:
        is_module: whether it is ``python -m`` that runs this.
    """
    from . import download_config

    command, *rest = sys.argv[1:] or [""]
    if command == "download-config":
        sys.exit(download_config.main(rest))
    if command.partition("=")[0] in download_config.OPTIONS or (
        is_module and command not in _OTHERS
    ):
        sys.exit(download_config.main([command, *rest]))
    try:
        from .main import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("paltabrain"):
            raise
        sys.exit(
            f"paltabrain-fast: {error.name} is not installed, which all but download-config needs: "
            "pip install 'paltabrain-fast[collector]'"
        )
    app()
