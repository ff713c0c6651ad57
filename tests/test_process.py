"""What a process keeps of an SDK across a fork."""

from __future__ import annotations

import os

import pytest

from .support.sdk import run_script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

FORK = """
import gc, os, threading, weakref
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import lifetime
from tests.support.events import TextContext

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
lifetime.enter(sdk._control)  # no thread: what one is doing when it is forked stays in the child
control = weakref.ref(sdk._control)
child = os.fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lifetime.has_entered(control())
    assert sdk.shutdown(timeout=30)
try:
    assert not lifetime.has_entered(control())
    del sdk
    gc.collect()
    assert control() is None
    assert threading.active_count() == 1
except BaseException:
    if not child:
        os._exit(1)
    raise
if not child:
    os._exit(0)
"""


def test_fork_keeps_no_sdk_in_either_process() -> None:
    """The child's has nothing to do yet; both can be collected."""
    run_script(FORK)
