"""The memory of a whole process under a server that accepts and never answers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.sdk import run_script

_BUFFER_BYTES: Final = 1 << 20
_MAX_IN_FLIGHT: Final = 4
_BATCH_BYTES: Final = 524_288

_SLACK: Final = 6 << 20
"""For threads, TLS and the allocator."""

FLOOD = """
import sys
from pathlib import Path
from examples.config import EventPageOpen
from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.delivery import control
from tests.support.events import TextContext, TextEvent

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(name + ":")]
    return int(value) << 10

hostname, overflow, shed_ms, size, events, buffer_bytes, max_in_flight = sys.argv[1:]
control._SHED_MS = int(shed_ms)
text = "x" * int(size)
sdk = PaltabrainSdk(
    hostname, "key", TextContext(), overflow=overflow, block_timeout_ms=0,
    buffer_bytes=int(buffer_bytes), max_in_flight=int(max_in_flight), request_timeout=600.0,
    exit_timeout=0.0,
)
for _ in range(2):  # what the first events of each class leave behind
    sdk.track(EventPageOpen(page_id=text))
    sdk.track(TextEvent(text))
before = memory("VmRSS")
for number in range(int(events) // 2):
    sdk.track(EventPageOpen(page_id=text))
    sdk.track(TextEvent(text))
    if number % 500 == 0 and memory("VmRSS") - before > 1 << 28:
        break  # there is no bound, and the machine is to be spared
grown = memory("VmHWM") - before
sdk.flush()  # as many batches as may be in flight are, even if the control thread was late
stats = sdk.stats()
print(grown, stats.dropped["queue_full"], stats.batches_in_flight)
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process has"
)
@pytest.mark.parametrize(
    ("overflow", "shed_ms", "size", "events"),
    [
        ("drop_new", 100, 10, 1_000_000),  # nearly all of which the engine drops by itself
        ("drop_new", 100, 2000, 1_000_000),
        ("drop_new", 0, 10, 180_000),
        ("drop_old", 0, 10, 180_000),
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
        int, run_script(FLOOD, api.hostname, overflow, *map(str, arguments)).split()
    )
    limit = _BUFFER_BYTES + _MAX_IN_FLIGHT * _BATCH_BYTES + _SLACK
    assert grown <= limit, f"{grown} bytes with {refused} events refused"
    assert in_flight == _MAX_IN_FLIGHT
    assert refused * 100 > limit  # a hundred bytes that each had left would show
