"""Tells PyInstaller where this package's hook is; an entry point refers to this function."""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_hook_dirs"]


def get_hook_dirs() -> list[str]:
    """Return the directories that hold hooks."""
    return [str(Path(__file__).parent)]
