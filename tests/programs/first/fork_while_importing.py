"""A fork while a sender imports what it sends with (argument: hostname).

The import goes on as soon as the fork has begun. A child that was forked then would wait for ever
for the module, as only its parent goes on with the import.
"""

import faulthandler
import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.probe import have_forks_wait
from tests.support.threads import DEADLINE

importing, forking = threading.Event(), threading.Event()


class Slow:
    """Finds nothing, but takes its time for ``urllib3``."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "urllib3" and threading.current_thread() is not threading.main_thread():
            importing.set()
            assert forking.wait(DEADLINE)
        return None


sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
sys.meta_path.insert(0, Slow())
os.register_at_fork(before=forking.set)  # this hook comes first: it was registered last
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), flush_buffer_size=0)
sdk.track(TextEvent("parent"))
assert importing.wait(DEADLINE)
have_forks_wait(0.0)  # for what is no import
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    sdk.track(TextEvent("child"))
    assert sdk.shutdown(timeout=DEADLINE)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sdk.shutdown(timeout=DEADLINE)
