"""An exception of a signal handler comes in ``flush`` or ``shutdown``, at each place in turn.

Prints how many places there are.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.probe import threads_that_hold_forks


class Interruption:
    """Raises at one place where Python would call a signal handler: a call, a return from C."""

    # 3.14 and 3.15 also tell of the return to a with statement, but only 3.14 calls a handler there
    nowhere = "__enter__" if sys.version_info >= (3, 15) else None

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_return" and function.__name__ == self.nowhere:
            return
        if event in ("call", "c_return") and "paltabrain_fast" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt


(call,) = sys.argv[1:]
place = 0
while True:
    place += 1
    transport = InMemoryTransport()
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    for _ in range(3):
        sdk.track(TextEvent())
    interruption = Interruption(place)
    try:
        sys.setprofile(interruption)
        try:
            getattr(sdk, call)(timeout=30)
        finally:
            sys.setprofile(None)
    except KeyboardInterrupt:
        pass
    sdk.shutdown(timeout=30)  # as at exit: the rest is done
    stats = sdk.stats()
    assert stats.accepted == 3 == stats.delivered + stats.dropped_after_acceptance, (place, stats)
    assert stats.delivered == sum(len(batch.events) for batch in transport.batches), (place, stats)
    assert not threads_that_hold_forks(), place
    if interruption.left > 0:
        break
print(place)
