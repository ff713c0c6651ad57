"""Gets ``SIGTERM`` at each place of a call in turn, each time in another child.

``sigterm_everywhere CALL``; what was tracked before is delivered, and the child ends by the signal.
"""

import os
import signal
import sys
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import Interruption
from tests.support.sdk import Sdk

MISSES = 8
NO_SUCH_PLACE = 3


def call(sdk: Sdk) -> None:
    match sys.argv[1]:
        case "track":
            sdk.track(TextEvent("second"))
        case "flush":
            sdk.flush(timeout=30)
        case "shutdown":
            sdk.shutdown(timeout=30)


def be_interrupted(place: int, output: int) -> None:
    def answer(request: Request) -> SendResult:
        for event in Batch.FromString(request.body).events:
            os.write(output, event.payload + b"\n")
        return SendResult(200)

    sdk: Sdk = PaltabrainSdk(
        "localhost",
        "key",
        TextContext(),
        transport=InMemoryTransport(answer),
        buffer_bytes=65_536,
        exit_timeout=30,
        flush_on_sigterm=True,
    )
    sdk.track(TextEvent("first"))
    with Interruption(place, lambda: signal.raise_signal(signal.SIGTERM)) as interruption:
        call(sdk)
    if not interruption.happened:
        os._exit(NO_SUCH_PLACE)
    threading.Event().wait(30)  # while the rest is delivered


place = last = 0
while place < last + MISSES:
    place += 1
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            be_interrupted(place, writer)
        finally:
            os._exit(1)
    os.close(writer)
    with open(reader) as lines:
        received = lines.read().split()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != NO_SUCH_PLACE:
        last = place
        assert code == -signal.SIGTERM, (place, code)
        assert received in (["first"], ["first", "second"]), (place, received)
print(last)
