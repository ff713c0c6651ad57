"""Installs the packages that the SDK is tested together with, for the interpreter that runs this.

If a package is not available for this interpreter, only the tests that need it do not run.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ONLY_AS_WHEELS = [
    *("cffi", "cryptography", "duckdb", "gevent", "jsonschema-rs"),
    *("pycurl", "pydantic-core", "uvloop"),
]
"""Packages that take long to build from source, or more than a C compiler."""


def install(*packages: str) -> bool:
    """Install packages; return whether all could be installed."""
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    command += [f"--only-binary={','.join(ONLY_AS_WHEELS)}", *packages]
    return subprocess.run(command, check=False).returncode == 0


def main() -> None:
    """Install all packages at once; if that fails, one by one."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    peers: list[str] = project["dependency-groups"]["peers"]
    peers += project["project"]["optional-dependencies"]["collector"]
    missing = [] if install(*peers) else [package for package in peers if not install(package)]
    for package in missing:
        print(f"NOT INSTALLED: {package} is not available for this interpreter", file=sys.stderr)


if __name__ == "__main__":
    main()
