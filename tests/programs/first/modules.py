"""Print which modules are loaded by an import, an SDK, an event, and warm_up(), a line each.

Those of ``protobuf`` and ``logging`` are not counted, nor what they need. Argument: hostname.
"""

import decimal  # noqa: F401  # which every config module imports
import json
import logging  # noqa: F401
import sys
from importlib import import_module
from typing import Any

import google.protobuf.descriptor_pb2
import google.protobuf.internal.builder
import google.protobuf.message_factory  # noqa: F401

sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
known = set(sys.modules)


def tell() -> None:
    """Print what was loaded since the last call."""
    new = sorted(set(sys.modules) - known)
    known.update(new)
    print(json.dumps(new))


import paltabrain_fast

tell()
config: Any = import_module("examples.config")

known.update(sys.modules)
sdk = paltabrain_fast.PaltabrainSdk(sys.argv[1], "key", config.Context())
tell()
sdk.track(config.EventPageOpen(page_id="page"))
tell()
sdk.warm_up()
tell()
sdk.track(config.EventPageOpen(page_id="page"))
assert sdk.flush(timeout=30), sdk.last_request_error
tell()
sdk.shutdown()
