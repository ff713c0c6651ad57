"""Is as a worker of uWSGI without threads; logs to the standard output."""

import logging
import sys
from pathlib import Path

from tests.support.uwsgi import pretend_uwsgi_without_threads

pretend_uwsgi_without_threads()
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout, level="ERROR")
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport, flush_buffer_size=1)
for _ in range(10):
    sdk.track(TextEvent())
assert len(list(Path("/proc/self/task").iterdir())) == 1  # threading may know of one later
assert sdk.flush(timeout=30)
assert [len(batch.events) for batch in transport.batches] == [10]
assert sdk.shutdown(timeout=30)
