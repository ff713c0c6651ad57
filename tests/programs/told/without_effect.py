"""Makes SDKs that cannot do what they are asked: SIGTERM is handled, and uWSGI has no threads."""

import signal

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext
from tests.support.uwsgi import pretend_uwsgi_without_threads

signal.signal(signal.SIGTERM, signal.SIG_IGN)
transport = InMemoryTransport()
PaltabrainSdk("localhost", "key", TextContext(), transport=transport, flush_on_sigterm=True)
pretend_uwsgi_without_threads()
PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
