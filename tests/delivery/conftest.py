"""What the control thread does, for all tests of delivery."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from ..support.probe import watching_sleeps
from .control import Sleeps


@pytest.fixture
def sleeps() -> Iterator[Sleeps]:
    seen: Sleeps = queue.SimpleQueue()
    with watching_sleeps(seen.put):
        yield seen
