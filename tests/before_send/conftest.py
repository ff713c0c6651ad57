"""Fixtures of the tests of ``before_send``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport

from ..schema.packages import EXAMPLE, imported


@pytest.fixture
def transport() -> InMemoryTransport:
    return InMemoryTransport()


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module
