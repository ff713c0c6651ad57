"""Installs, for the interpreter that runs it, what the SDK is tested beside.

Its tests run without what cannot be had for this interpreter, except for those that want it.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ONLY_AS_WHEELS = ["cffi", "cryptography", "duckdb", "gevent", "pycurl", "pydantic-core"]
"""What takes minutes or hours to build, or more than a compiler of C."""


def install(*packages: str) -> bool:
    """Install all of these packages, or tell that it cannot be done."""
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    command += [f"--only-binary={','.join(ONLY_AS_WHEELS)}", *packages]
    return subprocess.run(command, check=False).returncode == 0


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
