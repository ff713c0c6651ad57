"""Shuts down with little or no time when gevent has patched threads that are at work.

Then it replaces what joins them by what needs an event loop, and never ends where 0 s are left.
"""

import warnings

warnings.simplefilter("ignore")
import threading
from collections.abc import Callable
from functools import partial

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent
from tests.support.sdk import Sdk
from tests.support.threads import threads_of_sdks


class Hanging(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        sending.release()
        let_go.wait(60)
        return super().send(request)


sending, let_go = threading.Semaphore(0), threading.Event()
sdks: list[Sdk] = []
for _ in range(4):
    sdks.append(PaltabrainSdk("localhost", "key", TextContext(), transport=Hanging()))
    sdks[-1].track(TextEvent())
    sdks[-1].flush()
for _sdk in sdks:
    assert sending.acquire(timeout=30)
ours = threads_of_sdks()
from gevent import monkey

monkey.patch_all()
assert all("join" in vars(thread) for thread in ours)  # one of gevent's
from gevent._hub_local import get_hub_if_exists

start_thread = monkey.get_original("_thread", "start_new_thread")
hubs: list[object] = []
ended = monkey.get_original("_thread", "allocate_lock")()
ended.acquire()


def shut_down(call: Callable[[], bool]) -> None:
    assert not call()
    hubs.append(get_hub_if_exists())
    ended.release()


for seconds in 0.01, 0.0:
    start_thread(shut_down, (partial(sdks.pop().shutdown, timeout=seconds),))
    assert ended.acquire(timeout=30)
    assert not sdks.pop().shutdown(timeout=seconds)  # in the main thread as well
assert hubs == [None, None]
let_go.set()
for thread in ours:
    type(thread).join(thread, 30)
    assert not thread.is_alive()
