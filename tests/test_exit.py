"""The end of the interpreter: nobody has to wait for somebody else's server."""

from __future__ import annotations

import pytest

from .support.sdk import run_script

DEAD_AND_WELL = """
import atexit, sys, time
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from paltabrain_fast.process import lifetime
from tests.support.events import TextContext, TextEvent

class Dead(InMemoryTransport):
    def send(self, request):
        time.sleep(request.timeout)
        return SendResult(error=TimeoutError())

def make(transport):
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport, exit_timeout=2)
    return sdk

class Ordered(dict):  # in place of a set, whose order is that of addresses
    add, discard = lambda self, control: self.setdefault(control), dict.pop

lifetime._at_work = Ordered()
well = InMemoryTransport()

@atexit.register  # before the SDKs, so that it comes after them
def tell():
    print(len(well.batches))

atexit.unregister(lifetime._exit)
atexit.register(lifetime._exit)
"""

TWO = """
sdks = [make(transport) for transport in (Dead(), well)]
if sys.argv[1] == "well first":
    sdks.reverse()
for sdk in sdks:
    sdk.track(TextEvent())
"""

ONE = """
class Half(InMemoryTransport):
    def send(self, request):
        return (dead if b"dead" in request.body else well).send(request)

dead = Dead()
sdk = make(Half())
for name in ("dead", "well") if sys.argv[1] == "dead first" else ("well", "dead"):
    sdk.track(TextEvent(name), TextContext(name))
"""


@pytest.mark.parametrize("script", [TWO, ONE], ids=["of another SDK", "of the same SDK"])
@pytest.mark.parametrize("order", ["dead first", "well first"])
def test_request_that_hangs_at_exit_holds_up_nobody(script: str, order: str) -> None:
    """Nor does it matter that no thread had a reason to start before."""
    assert run_script(DEAD_AND_WELL + script, order) == "1\n"
