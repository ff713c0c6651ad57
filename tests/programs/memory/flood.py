"""Flood an SDK whose server is silent; print the growth, the refused and what is in flight."""

import sys
from importlib import import_module
from pathlib import Path
from typing import cast

from paltabrain_fast import Overflow, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.probe import shedding_for


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(name + ":")]
    return int(value) << 10


EventPageOpen = import_module("examples.config").EventPageOpen
hostname, overflow, shed_ms, size, events, buffer_bytes, max_in_flight = sys.argv[1:]
text = "x" * int(size)
sdk = PaltabrainSdk(
    hostname,
    "key",
    TextContext(),
    overflow=cast(Overflow, overflow),
    block_timeout_ms=0,
    buffer_bytes=int(buffer_bytes),
    max_in_flight=int(max_in_flight),
    request_timeout=600.0,
    exit_timeout=0.0,
)
sdk.warm_up()  # or else what the first attempt imports would count
with shedding_for(int(shed_ms)):
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
