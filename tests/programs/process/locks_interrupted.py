"""Takes a lock again and again, until an exception of a signal handler comes."""

from __future__ import annotations

import signal

from paltabrain_fast.process.locks import Condition


class InterruptionError(BaseException):
    """What the signal handler raises."""


def interrupt(*_: object) -> None:
    raise InterruptionError


signal.signal(signal.SIGALRM, interrupt)
lock = Condition()
for _ in range(1000):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        while True:
            with lock:
                pass
    except InterruptionError:
        pass
    assert not lock.is_owned()
