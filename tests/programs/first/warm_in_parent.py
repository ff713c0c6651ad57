"""A process that warms up and forks, as gunicorn does with ``--preload`` (argument: hostname).

Its children find all that they need imported.
"""

import os
import sys
from importlib import import_module
from typing import Any

from paltabrain_fast import PaltabrainSdk

# where one of them is installed, the constructor imports the libraries of the network
sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
config: Any = import_module("examples.config")

sdk = PaltabrainSdk(sys.argv[1], "key", config.Context())
sdk.warm_up()
known = set(sys.modules)
sdk.track(config.EventPageOpen(page_id="parent"))
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        sdk.warm_up()
        sdk.track(config.EventPageOpen(page_id=f"child {number}"))
        assert sdk.shutdown(timeout=30)
        imported = set(sys.modules) - known
        assert {name for name in imported if not name.startswith("encodings.")} == set()
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
