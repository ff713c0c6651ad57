"""A process that warms up and forks, as gunicorn does with ``--preload`` (argument: hostname)."""

import os
import sys
from importlib import import_module
from typing import Any

from paltabrain_fast import PaltabrainSdk

config: Any = import_module("examples.config")

sdk = PaltabrainSdk(sys.argv[1], "key", config.Context())
sdk.warm_up()
sdk.track(config.EventPageOpen(page_id="parent"))
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        sdk.warm_up()
        sdk.track(config.EventPageOpen(page_id=f"child {number}"))
        assert sdk.shutdown(timeout=30)
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
