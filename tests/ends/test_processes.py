"""``multiprocessing`` and ``ProcessPoolExecutor``: what the tasks of other processes track."""

from __future__ import annotations

from collections import Counter

import pytest

from ..support.api_server import ApiServer
from ..support.ends import received
from ..support.programs import run_program

TASKS = 20


@pytest.mark.parametrize(
    ("way", "method"),
    [
        ("Pool, closed", "fork"),
        ("Pool, closed", "spawn"),
        ("ProcessPoolExecutor", "fork"),
        ("ProcessPoolExecutor", "forkserver"),
    ],
)
def test_nothing_is_to_be_added_where_processes_are_let_end(
    api: ApiServer, way: str, method: str
) -> None:
    run_program("ends/processes", api.hostname, way, method)
    assert received(api) == Counter(map(str, range(TASKS)))


@pytest.mark.parametrize(
    ("way", "method"),
    [
        ("Pool, with", "fork"),
        ("Pool, with", "spawn"),
        ("Process, daemon", "fork"),
        ("Process, daemon", "forkserver"),
    ],
)
def test_processes_that_get_sigterm_deliver_with_the_option(
    api: ApiServer, way: str, method: str
) -> None:
    """Without it, they lose all; but a worker of a pool may be told to end before, by luck."""
    if way == "Process, daemon":
        run_program("ends/processes", api.hostname, way, method)
        assert not received(api)
    run_program("ends/processes", api.hostname, way, method, "line")
    assert received(api) == Counter(map(str, range(TASKS)))
