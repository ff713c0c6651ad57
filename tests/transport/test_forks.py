"""A forked child makes connections of its own, and leaves its parent's alone to the very end."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ..support.answers import Answer, Received
from ..support.api_server import ApiServer
from ..support.programs import run_program
from ..support.scarce import needs


@pytest.mark.parametrize(
    "kind", ["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))]
)
@pytest.mark.parametrize("fork", ["os.fork", "past the hooks"])
@pytest.mark.parametrize("child", ["send", "close", "forget", "exit"])
def test_fork(api: ApiServer, ca_file: Path, kind: str, fork: str, child: str) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(_count: int, request: Received) -> Answer:
        if request.path == "/under_way":
            arrived.set()
            return Answer(release=release)
        if request.path == "/release":
            release.set()
        return Answer(release=arrived if request.path == "/second" else None)

    api.answer = answer
    run_program("transport/forks", kind, api.hostname, str(ca_file), fork, child)
    assert api.handshakes == {"send": 3, "close": 2, "forget": 1, "exit": 1}[child]


@pytest.mark.parametrize(
    "kind", ["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))]
)
@pytest.mark.parametrize("child", ["forget", "exit"])
def test_child_does_not_wait_for_threads_that_resolve_names(
    ca_file: Path, kind: str, child: str
) -> None:
    """Those are the parent's, and stay for a while."""
    run_program("transport/forks_while_resolving", kind, str(ca_file), child)
