"""Forks past Python's hooks, and who notices them first."""

from __future__ import annotations

import sysconfig

import pytest

from .support.sdk import run_script

pytestmark = pytest.mark.skipif(
    sysconfig.get_config_var("Py_GIL_DISABLED") == 1,
    reason="without a GIL to hold, Python itself does not survive such a fork",
)

PRELUDE = """
import ctypes, faulthandler, os, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import fork_barrier
from tests.support.events import TextContext, TextEvent
from tests.support.silence import await_silence

def make():
    transport = InMemoryTransport()
    return PaltabrainSdk("localhost", "key", TextContext(), transport=transport)

def fork():
    await_silence()
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        faulthandler.dump_traceback_later(30, exit=True)
    return child

def end_child(child):
    if child == 0:
        sys.stdout.flush()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_sdk_that_the_child_has_made_keeps_its_events() -> None:
    """The parent's was renewed when it was made, and is not again when touched later."""
    run_script(
        PRELUDE
        + """
inherited = make()
child = fork()
if child == 0:
    own = make()
    for _ in range(5):
        own.track(TextEvent())
    inherited.track(TextEvent())
    assert own.stats().accepted == 5 and inherited.stats().accepted == 1
    assert own.shutdown(timeout=30) and inherited.shutdown(timeout=30)
    assert own.stats().delivered == 5 and inherited.stats().delivered == 1
end_child(child)
"""
    )


def test_inherited_sdk_keeps_what_it_was_given_when_the_child_makes_another() -> None:
    run_script(
        PRELUDE
        + """
inherited = make()
inherited.track(TextEvent())
child = fork()
if child == 0:
    inherited.track(TextEvent())
    own = make()
    assert inherited.flush(timeout=30)
    assert inherited.stats().delivered == 1
end_child(child)
assert inherited.shutdown(timeout=30)
assert inherited.stats().delivered == 1
"""
    )


def test_sdk_that_the_child_makes_first_wants_no_lock_of_the_parents() -> None:
    """Another thread of the parent holds it at the fork."""
    run_script(
        PRELUDE
        + """
held, let_go = threading.Event(), threading.Event()

def hold():
    with fork_barrier._guard._changed:
        held.set()
        let_go.wait()

holding = threading.Thread(target=hold)
holding.start()
held.wait()
child = fork()
if child == 0:
    PaltabrainSdk("localhost", "key", TextContext())
end_child(child)
let_go.set()
holding.join()
"""
    )


def test_threads_that_notice_it_together_renew_once() -> None:
    """None of them uses what is half renewed."""
    run_script(
        PRELUDE
        + """
class Disturbed(InMemoryTransport):
    def after_fork(self):  # in the midst of the renewal
        renewals.append(threading.get_ident())
        threads.append(threading.Thread(target=inherited.track, args=(TextEvent(),)))
        threads[-1].start()
        threads[-1].join(0.5)  # it can go on when the SDK is renewed, or should at least

renewals, threads = [], []
inherited = PaltabrainSdk("localhost", "key", TextContext(), transport=Disturbed())
inherited.track(TextEvent())
assert inherited.flush(timeout=30)
child = fork()
if child == 0:
    threading.Thread(target=int).start()  # Python itself is not renewed beside another thread
    first = threading.Thread(target=inherited.track, args=(TextEvent(),))
    first.start()
    first.join()
    for thread in threads:
        thread.join()
    assert len(renewals) == 1, renewals
    assert inherited._control._thread is not None
    assert inherited.flush(timeout=30)
    assert inherited.stats().accepted == inherited.stats().delivered == 2
end_child(child)
"""
    )


def test_hook_of_a_fork_that_tracks_comes_before_ours() -> None:
    """It notices the fork first; none is called again for that."""
    run_script(
        """
import os
calls = []

def hook():
    calls.append(os.getpid())
    sdk.track(TextEvent())

os.register_at_fork(after_in_child=hook)
"""
        + PRELUDE
        + """
sdk = make()
sdk.track(TextEvent())
child = os.fork()
if child == 0:
    assert sdk.shutdown(timeout=30)
    stats = sdk.stats()
    assert stats.accepted == stats.delivered == 1 == len(calls), (stats, calls)
end_child(child)
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
"""
    )


def test_sdk_that_is_forked_while_it_is_made_is_renewed() -> None:
    """By a signal handler, say, before anybody knows of it."""
    run_script(
        PRELUDE
        + """
from paltabrain_fast.delivery.control import Control
start, children = Control._start, []

def fork_and_start(control):
    Control._start = start
    children.append(os.fork())
    start(control)

Control._start = fork_and_start
sdk = make()
sdk.track(TextEvent())
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
end_child(children[0])
"""
    )
