"""A conftest that tracks outside of all tests: at the moment that the environment names."""

from __future__ import annotations

import atexit
import os

import pytest
from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk

sdk = PaltabrainSdk[Context](context=Context(), exit_timeout=10.0)


def at(moment: str) -> None:
    """Track, if it is this moment."""
    if os.environ["MOMENT"] == moment:
        sdk.track(EventPageOpen(page_id=moment))
        if moment == "import":  # and be gone before any test
            sdk.flush(30)


def pytest_configure() -> None:
    at("configure")


def pytest_sessionfinish() -> None:
    at("sessionfinish")


def pytest_unconfigure(config: pytest.Config) -> None:
    at("unconfigure")
    config.add_cleanup(lambda: at("cleanup"))


at("import")
atexit.register(at, "exit")
