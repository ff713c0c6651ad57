"""Installs, for the interpreter that runs it, what the SDK is tested beside.

Its tests run without what cannot be had for this interpreter, except for those that want it.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ONLY_AS_SOURCE = ["uwsgi"]
"""The others would take minutes, or hours, to build where they have no wheel."""


def install(*packages: str) -> bool:
    """Install all of these packages, or tell that it cannot be done."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    command += [f"--no-binary={name}" for name in ONLY_AS_SOURCE]
    return subprocess.run([*command, *packages], check=False).returncode == 0


def main() -> None:
    """Install all at once, or each by itself where that fails."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    peers: list[str] = project["dependency-groups"]["peers"]
    peers += project["project"]["optional-dependencies"]["collector"]
    missing = [] if install(*peers) else [package for package in peers if not install(package)]
    for package in missing:
        print(f"NOT INSTALLED: {package} cannot be had for this interpreter", file=sys.stderr)


if __name__ == "__main__":
    main()
