"""Forks while an attempt goes on that ``shutdown`` has left behind."""

import os
import threading


def look() -> None:
    """Called when those of the SDK have been: hooks run last in, first out."""
    print("inside" if transport.inside else "outside")


os.register_at_fork(before=look)

from paltabrain_fast import PaltabrainSdk, Request, SendResult
from tests.support import probe
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child
from tests.support.silence import await_silence


class Slow:
    """Is inside from its first attempt on, until it is told to come out."""

    inside = False
    entered, come_out = threading.Event(), threading.Event()

    def send(self, _request: Request) -> SendResult:
        self.inside = True
        self.entered.set()
        self.come_out.wait()
        await_silence()  # until the main thread waits: for this one, or for its child
        self.inside = False
        return SendResult(200)

    def close(self) -> None:
        pass


probe.have_forks_wait(50)
transport = Slow()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent(""))
sdk.flush()
transport.entered.wait()
assert not sdk.shutdown(timeout=0)
os.register_at_fork(before=transport.come_out.set)
end_child(os.fork())
