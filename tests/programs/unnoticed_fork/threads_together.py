"""Has a child of which two threads track first, one while the other one's call makes all anew."""

import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child, fork_past_hooks
from tests.support.silence import await_silence


class Disturbed(InMemoryTransport):
    """Has another thread track in the midst of it, and lets it go as far as it can."""

    def after_fork(self) -> None:
        calls.append(threading.get_ident())
        threads.append(threading.Thread(target=inherited.track, args=(TextEvent(),)))
        threads[-1].start()
        await_silence()


calls: list[int] = []
threads: list[threading.Thread] = []
inherited = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=Disturbed(), flush_buffer_size=1
)
inherited.track(TextEvent())
assert inherited.flush(timeout=30)
child = fork_past_hooks()
if child == 0:
    threading.Thread(target=int).start()  # Python's own state is not made anew beside another one
    first = threading.Thread(target=inherited.track, args=(TextEvent(),))
    first.start()
    first.join()
    for thread in threads:
        thread.join()
    assert len(calls) == 1, calls
    probe.await_delivery(inherited, 2)  # by the control thread, which was started
    assert inherited.stats().accepted == 2
end_child(child)
