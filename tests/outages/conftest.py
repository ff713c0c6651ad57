"""A server that comes and goes, and retries that wait for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..support.api_server import ApiServer
from ..support.probe import retrying_after


class Comings:
    """A server that goes away and comes back, always on the same port.

    Attributes:
        hostname: of it.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        server = self.come()
        self._port = server.port
        self.hostname = "http://" + server.hostname

    _port = 0

    def come(self) -> ApiServer:
        return self._stack.enter_context(ApiServer(None, port=self._port).serving())

    def go(self) -> None:
        self._stack.close()


@pytest.fixture
def comings() -> Iterator[Comings]:
    comings = Comings()
    comings.go()
    yield comings
    comings.go()


@pytest.fixture
def quick() -> Iterator[None]:
    """Have no wait between two attempts last."""
    with retrying_after(lambda *_: 0.001):
        yield
