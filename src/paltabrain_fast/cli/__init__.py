"""Command line: ``paltabrain-fast`` and ``paltabrain-sdk-download-config``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run ``paltabrain-fast``; say in one line what to install if the extra is missing."""
    try:
        from .main import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("paltabrain"):
            raise
        sys.exit(
            f"paltabrain-fast: {error.name} is not installed: "
            "pip install 'paltabrain-fast[collector]'"
        )
    app()
