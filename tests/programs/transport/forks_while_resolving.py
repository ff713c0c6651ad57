"""Forks when a name was to be resolved; the child forgets its transport, or just ends.

``forks_while_resolving KIND CA_FILE CHILD``
"""

import faulthandler
import gc
import os
import sys
from typing import Any

from paltabrain_fast import Request
from paltabrain_fast import transport as transports
from tests.support.forks import reap

kind, ca_file, action = sys.argv[1:]
transport: Any = getattr(transports, kind)(ca_bundle=ca_file)
assert transport.send(Request("https://nowhere.invalid/", b"", {}, 5)).status is None
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(30, exit=True)
    if action == "forget":
        del transport
        gc.collect()
    sys.exit()
reap(child)
