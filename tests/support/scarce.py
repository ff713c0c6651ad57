"""What cannot be had everywhere: packages, of which ``tools/install_peers.py`` tells, a browser."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

import pytest

from .browser import CHROMIUM

_BROWSER: Final = "chromium"
"""No package of Python's: the one that ``tools/browser.sh`` installs."""


def lacks(*packages: str) -> list[str]:
    """Return those that this interpreter does not have."""
    return [package for package in packages if not _has(package)]


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skip a test, visibly, for the lack of a package."""
    missing = lacks(*packages)
    return pytest.mark.skipif(bool(missing), reason=f"there is no {' and no '.join(missing)}")


def _has(package: str) -> bool:
    if package == _BROWSER:
        return CHROMIUM is not None
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


NOT_RUN = {
    path: missing
    for path, packages in {
        "collector": ["duckdb", "starlette", "uvicorn"],
        "collector/page": ["duckdb", "starlette", "uvicorn", "playwright", _BROWSER],
        "test_demo.py": ["duckdb", "starlette", "uvicorn"],
        "collector/test_openapi.py": ["schemathesis"],
        "test_end_to_end.py": ["duckdb", "starlette", "uvicorn"],
        **{
            f"cli/test_{name}.py": ["duckdb", "starlette", "uvicorn"]
            for name in (
                *("data_commands", "ddl", "export", "following", "reset", "run", "run_ends"),
                *("sql", "tail"),
            )
        },
    }.items()
    if (missing := lacks(*packages))
}
"""Parts of the suite that are left out, below ``tests/``, and the packages that they want."""
