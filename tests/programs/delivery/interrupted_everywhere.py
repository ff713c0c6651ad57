"""An exception of a signal handler comes in ``flush`` or ``shutdown``, at each place in turn.

With ``alone``, no thread can be started, and the call makes the attempts itself, in which the
exception comes; the server cannot be reached at first. Prints how many places there are.
"""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from types import FrameType
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from tests.support.events import TextContext, TextEvent
from tests.support.probe import no_threads, retrying_after, threads_that_hold_forks


class Interruption:
    """Raises at one place where Python would call a signal handler: a call, a return from C."""

    # 3.14 and 3.15 also tell of the return to a with statement, but only 3.14 calls a handler there
    nowhere = "__enter__" if sys.version_info >= (3, 15) else None

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_return" and function.__name__ == self.nowhere:
            return
        if not options or is_in_attempt(frame):
            self.count(frame, event)

    def count(self, frame: FrameType, event: str) -> None:
        if event in ("call", "c_return") and "paltabrain_fast" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt


def is_in_attempt(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != "attempt":
        frame = frame.f_back
    return frame is not None


class Server:
    """Answers so at first, and then takes each batch, once."""

    def __init__(self, faults: list[int]) -> None:
        self.taken: dict[str, int] = {}
        self._faults = faults

    def answer(self, request: Request) -> SendResult:
        if self._faults:
            return SendResult(self._faults.pop(0))
        batch = Batch.FromString(request.body)
        self.taken[batch.common.batch_id] = len(batch.events)
        return SendResult(200)


call, *options = sys.argv[1:]
stack = ExitStack()
if options == ["alone"]:
    logging.disable()
    stack.enter_context(no_threads())
    stack.enter_context(retrying_after(lambda *_: 0.0))
place = lost = 0
while True:
    place += 1
    server = Server([503, 503, 413] if options else [])
    transport = InMemoryTransport(server.answer)
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
    assert sdk.shutdown(timeout=30) or call == "shutdown", place  # as at exit: the rest is done
    stats = sdk.stats()
    assert stats.accepted == 3 == stats.delivered + stats.dropped_after_acceptance, (place, stats)
    assert set(stats.dropped) <= {"internal_error"}, (place, stats)
    assert stats.delivered <= sum(server.taken.values()), (place, stats)
    assert not threads_that_hold_forks(), place
    lost += stats.dropped_after_acceptance > 0
    if interruption.left > 0:
        break
assert lost < place / 10, lost
print(place)
