"""Gives up at the deadline of its shutdown, when the attempt takes a little longer to end."""

import threading

from paltabrain_fast import PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent


class Transport:
    def send(self, request: Request) -> SendResult:
        threading.Event().wait(request.timeout + 0.03)
        return SendResult(error=TimeoutError())

    def close(self) -> None:
        pass


sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Transport())
sdk.track(TextEvent("x"))
assert not sdk.shutdown(timeout=0.2)
