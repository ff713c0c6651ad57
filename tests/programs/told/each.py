"""Loses events of one SDK after another; the cases are the JSON of the first argument.

Each has a ``hostname``, and may have ``events`` (1), ``options`` and ``environment``.
"""

import json
import os
import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

for case in json.loads(sys.argv[1]):
    os.environ.update(case.get("environment", {}))
    options = {"outage_seconds": 0, "flush_max_retries": 1} | case.get("options", {})
    with PaltabrainSdk(case["hostname"], "s3cret-key", TextContext(), **options) as sdk:
        for _ in range(case.get("events", 1)):
            sdk.track(TextEvent())
    for name in case.get("environment", {}):
        del os.environ[name]
