"""The memory of a whole process under a server that accepts and never answers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.programs import run_program

_BUFFER_BYTES: Final = 1 << 20
_MAX_IN_FLIGHT: Final = 4
_BATCH_BYTES: Final = 524_288

_SLACK: Final = 6 << 20
"""For threads, TLS and the allocator."""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process has"
)
@pytest.mark.parametrize(
    ("overflow", "shed_ms", "size", "events"),
    [
        ("drop_new", 100, 10, 1_000_000),  # nearly all of which the engine drops by itself
        ("drop_new", 100, 2000, 1_000_000),
        ("drop_new", 0, 10, 240_000),
        ("drop_old", 0, 10, 240_000),
        ("drop_old", 0, 2000, 120_000),
        ("block", 0, 2000, 120_000),
    ],
)
def test_memory_is_bounded_however_much_is_refused(
    api: ApiServer, overflow: str, shed_ms: int, size: int, events: int
) -> None:
    api.answer = lambda _count, _request: Answer(fault=Fault.SILENCE)
    arguments = [shed_ms, size, events, _BUFFER_BYTES, _MAX_IN_FLIGHT]
    grown, refused, in_flight = map(
        int,
        run_program(
            "memory/flood", api.hostname, overflow, *map(str, arguments), loses=True
        ).split(),
    )
    limit = _BUFFER_BYTES + _MAX_IN_FLIGHT * _BATCH_BYTES + _SLACK
    assert grown <= limit, f"{grown} bytes with {refused} events refused"
    assert in_flight == _MAX_IN_FLIGHT
    assert refused * 100 > limit  # a hundred bytes that each had left would show
