"""Goes on after it has lost events, and has ``sys.stderr`` note who writes (argument: hostname)."""

import os
import sys
import threading

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent


class Noting:
    """Stands in for the standard error."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.writers: set[threading.Thread] = set()
        self.written = threading.Semaphore(0)

    def write(self, text: str) -> None:
        self.texts.append(text)
        self.writers.add(threading.current_thread())
        self.written.release()

    def flush(self) -> None:
        pass


noting = Noting()
sys.stderr = noting
sdk = PaltabrainSdk(
    sys.argv[1], "s3cret-key", TextContext(), flush_interval_ms=0, flush_buffer_size=1
)


def lose(number: int) -> None:
    """Lose an event that is refused by the server, and one that is not even accepted."""
    sdk.track(TextEvent())
    sdk.track(UnserializableEvent())
    assert noting.written.acquire(timeout=30)
    assert noting.written.acquire(timeout=30)
    assert len(noting.texts) == number
    assert all(text.endswith("\n") for text in noting.texts), noting.texts


lose(2)
if (child := os.fork()) == 0:  # to which nothing was told yet
    lose(4)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert sdk.shutdown(timeout=30)
sdk.track(TextEvent())
assert noting.written.acquire(timeout=30)
assert threading.main_thread() not in noting.writers
print("".join(noting.texts), end="")
