"""Packages that cannot be had for every free-threaded build; elsewhere their lack is an error."""

from __future__ import annotations

import sysconfig
from importlib.util import find_spec

import pytest


def lacks(*packages: str) -> list[str]:
    """Return those that this free-threaded interpreter does not have."""
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    return [package for package in packages if free_threaded and find_spec(package) is None]


def needs(package: str) -> pytest.MarkDecorator:
    """Skip a test, visibly, for the lack of a package."""
    return pytest.mark.skipif(bool(lacks(package)), reason=f"there is no {package} for this build")


NOT_RUN = {
    path: missing
    for path, packages in {
        "collector": ["duckdb"],
        "test_end_to_end.py": ["duckdb"],
        "test_concurrency_models.py": ["gevent", "gunicorn", "celery"],
    }.items()
    if (missing := lacks(*packages))
}
"""Parts of the suite that are left out, below ``tests/``, and the packages that they want."""
