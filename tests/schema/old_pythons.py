"""Finds interpreters that generated packages support and the SDK itself does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

VERSIONS: Final = ("3.7", "3.8", "3.9", "3.10")


def _find(version: str) -> Path | None:
    """Return an interpreter of pyenv or on PATH, which runs and has this version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    on_path = (Path(folder, f"python{version}") for folder in os.get_exec_path())
    for candidate in (*sorted(pyenv.glob(f"{version}.*/bin/python")), *on_path):
        if candidate.is_file() and _version(candidate) == version:
            return candidate
    return None


def _version(python: Path) -> str:
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


FOUND: Final = {version: path for version in VERSIONS if (path := _find(version)) is not None}
MISSING: Final = tuple(version for version in VERSIONS if version not in FOUND)
