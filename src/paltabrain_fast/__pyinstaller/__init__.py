"""Tells PyInstaller, by an entry point, where the hook for this package is."""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_hook_dirs"]


def get_hook_dirs() -> list[str]:
    """Return the directories of hooks."""
    return [str(Path(__file__).parent)]
