"""Has an SDK at work when it forks, which both processes forget: the child at once.

There are no threads, as what one is doing when it is forked stays in the child.
"""

import gc
import logging
import os
import threading
import weakref

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child
from tests.support.uwsgi import pretend_uwsgi_without_threads

logging.disable()  # or it is told what uWSGI needs
pretend_uwsgi_without_threads()
transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
forgotten = weakref.ref(transport)
del transport
sdk.track(TextEvent())
assert threading.active_count() == 1
child = os.fork()
if child:
    assert sdk.shutdown(timeout=30)
del sdk
gc.collect()
assert forgotten() is None
end_child(child)
