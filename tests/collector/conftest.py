"""Fixtures of the collector's tests: a database file, a running collector, a client of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from paltabrain_fast.collector.server import Collector, running

from .batches import SCHEMA, Client


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "events.duckdb"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Stops what a test has started; ``close()`` does so early, to look at the files."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(stack: ExitStack, db: Path) -> Callable[..., Collector]:
    """Start a collector over ``db`` that stops with ``stack``."""

    def start(*, api_key: str | None = None) -> Collector:
        return stack.enter_context(running(SCHEMA, db, api_key=api_key))

    return start


@pytest.fixture
def client(start: Callable[..., Collector], stack: ExitStack) -> Client:
    """A client of a collector that takes any key, over HTTP."""
    return stack.enter_context(closing(Client(start().http_url)))
