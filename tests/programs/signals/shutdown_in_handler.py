"""Shuts down in the handler of a signal that comes while ``flush`` or ``shutdown`` waits.

``shutdown_in_handler CALL``; prints what the handler's own call has returned.
"""

import os
import signal
import sys

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent


class Interrupting(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        if not self.requests:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().send(request)


def handler(_signal: int, _frame: object) -> None:
    sdk.track(TextEvent())
    nested.append(bool(sdk.shutdown()))


nested: list[bool] = []
signal.signal(signal.SIGTERM, handler)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Interrupting())
sdk.track(TextEvent())
getattr(sdk, sys.argv[1])(timeout=30)
assert sdk.shutdown()
stats = sdk.stats()
assert stats.delivered == stats.accepted >= 1, stats
print(*nested)
