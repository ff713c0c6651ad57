"""A signal handler forks while its thread waits for a fork that another thread has begun."""

from __future__ import annotations

import os
import signal
import threading

from paltabrain_fast.process import fork_barrier
from tests.support.interruption import ForkInWait
from tests.support.probe import fork_barrier_condition

begun, over = threading.Event(), threading.Event()


def fork_elsewhere() -> None:
    fork_barrier.before_fork()
    begun.set()
    over.wait()
    fork_barrier.after_fork_in_parent()


def forked(child: int) -> None:
    if child:
        over.set()
    else:
        signal.alarm(20)


threading.Thread(target=fork_elsewhere).start()
begun.wait()
fork = ForkInWait(fork_barrier_condition(), forked)
with fork_barrier.hold_forks():
    pass
if fork.child == 0:
    os._exit(0)
assert fork.child is not None
assert os.waitstatus_to_exitcode(os.waitpid(fork.child, 0)[1]) == 0
