"""A fork waits for threads inside, and nobody else waits for longer than it takes."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import fork_barrier
from paltabrain_fast.process.fork_barrier import (
    begin_fork,
    end_fork,
    end_thread,
    guarded,
    unguarded,
)

from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk, run_script
from .support.threads import DEADLINE, running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard of the test's own, with forks that wait until they may happen."""
    monkeypatch.setattr(fork_barrier, "_FORK_SECONDS", DEADLINE)
    monkeypatch.setattr(fork_barrier, "_guard", fork_barrier._Guard())


def await_fork() -> None:
    """Wait until a fork has begun, or wants to."""
    end = time.monotonic() + DEADLINE
    while not fork_barrier._guard._forking:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_fork_waits_for_a_thread_inside_and_lets_nobody_in() -> None:
    steps: list[str] = []
    inside = threading.Event()

    def attempt() -> None:
        with guarded():
            inside.set()
            await_fork()
            steps.append("left")
        with guarded():
            steps.append("in again")

    def fork() -> None:
        assert inside.wait(DEADLINE)
        begin_fork()
        steps.append("forked")
        end_fork()

    with running(attempt, fork):
        pass
    assert steps == ["left", "forked", "in again"]


def test_fork_happens_while_a_thread_waits_in_the_network() -> None:
    steps: list[str] = []
    waiting, answered = threading.Event(), threading.Event()

    def attempt() -> None:
        with guarded():
            with unguarded():
                waiting.set()
                assert answered.wait(DEADLINE)
            steps.append("goes on")

    def fork() -> None:
        assert waiting.wait(DEADLINE)
        begin_fork()
        answered.set()
        steps.append("forked")
        end_fork()

    with running(attempt, fork):
        pass
    assert steps == ["forked", "goes on"]


def test_thread_that_forks_does_not_wait_for_itself() -> None:
    """A signal handler has interrupted an attempt; a hook of the fork makes another."""

    def work() -> None:
        with guarded():
            begin_fork()
            with guarded():
                pass
            begin_fork()
            end_fork()
            end_fork()

    with running(work):
        pass


def test_attempt_that_is_forked_goes_on_in_the_child() -> None:
    """What it enters and leaves is not in the books of the child."""

    def work() -> None:
        with guarded():
            begin_fork()
            fork_barrier.renew()
            with unguarded():
                pass
        assert not fork_barrier._guard._inside
        begin_fork()
        end_fork()

    with running(work):
        pass


def test_attempt_within_an_attempt_leaves_that_one_inside() -> None:
    """A signal handler has interrupted it."""
    with guarded():
        with guarded():
            pass
        assert fork_barrier._guard._inside == {threading.get_ident()}
    assert not fork_barrier._guard._inside


def test_fork_that_was_forked_itself_ends_in_the_child() -> None:
    """Which a signal handler has made, while the fork was beginning."""
    begin_fork()
    begin_fork()
    fork_barrier.renew()
    end_fork()
    assert not fork_barrier._guard._forking


def test_child_does_not_wait_for_the_end_of_a_fork_of_its_parents() -> None:
    run_script(
        """
import os, signal, threading
from paltabrain_fast.process import fork_barrier
from tests.support.interruption import ForkInWait

begun, over = threading.Event(), threading.Event()

def fork_elsewhere():
    fork_barrier.begin_fork()
    begun.set()
    over.wait()
    fork_barrier.end_fork()

def forked(child):
    if child:
        over.set()
    else:
        signal.alarm(20)

threading.Thread(target=fork_elsewhere).start()
begun.wait()
fork = ForkInWait(fork_barrier._guard._changed, forked)
with fork_barrier.guarded():
    pass
if fork.child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(fork.child, 0)[1]) == 0
"""
    )


def test_shutdown_waits_for_a_fork_until_its_deadline() -> None:
    sdk = PaltabrainSdk("localhost:1", "key", TextContext())
    begun, over = threading.Event(), threading.Event()

    def fork() -> None:
        begin_fork()
        begun.set()
        assert over.wait(DEADLINE)
        end_fork()

    with running(fork):
        assert begun.wait(DEADLINE)
        assert sdk.shutdown(timeout=0)
        over.set()


def test_thread_that_lives_on_after_its_end_holds_up_one_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was a greenlet's, or the system has given its number to another one."""
    monkeypatch.setattr(fork_barrier, "_FORK_SECONDS", 0.01)
    ended, over = threading.Event(), threading.Event()

    def work() -> None:
        end_thread()
        ended.set()
        assert over.wait(DEADLINE)

    with running(work):
        assert ended.wait(DEADLINE)
        begin_fork()
        end_fork()
        assert not fork_barrier._guard._ending
        over.set()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc on this system")
def test_fork_waits_until_a_thread_has_ended_for_the_system() -> None:
    """Not only for Python: a destructor of C's, as OpenSSL has one, is called after that."""
    run_script(
        """
import ctypes, os, threading, time
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import fork_barrier
from tests.support.events import TextContext, TextEvent

fork_barrier._FORK_SECONDS = 50
destroyed = False
begun, key = threading.Event(), ctypes.c_uint()

@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def destroy(_value):
    global destroyed
    begun.set()
    time.sleep(0.2)  # so that a fork that does not wait comes first
    destroyed = True

libc = ctypes.CDLL(None)
assert libc.pthread_key_create(ctypes.byref(key), destroy) == 0

class Transport(InMemoryTransport):
    def send(self, request):
        libc.pthread_setspecific(key, ctypes.c_void_p(1))
        return super().send(request)

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Transport())
sdk.track(TextEvent(""))
assert sdk.shutdown(timeout=30)
begun.wait()
child = os.fork()
if child == 0:
    os._exit(not destroyed)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    )


def test_unguarded_alone_does_nothing() -> None:
    with unguarded():
        assert not fork_barrier._guard._inside
    assert not fork_barrier._guard._inside


def test_shutdown_in_a_handler_that_interrupts_a_fork_does_not_wait_for_it(
    make_sdk: MakeSdk,
) -> None:
    """Nobody may send before the fork is over, and that is not before the handler returns."""
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.track(TextEvent())
    fork_barrier.begin_fork()
    try:
        assert not sdk.shutdown(timeout=600)
    finally:
        fork_barrier.end_fork()
    assert sdk.shutdown(timeout=600)
    assert sdk.stats().delivered == 1
