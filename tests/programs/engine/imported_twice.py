"""Imports the package anew, as tests do that remove it from sys.modules; tracks with both."""

import importlib
import sys
import warnings
from typing import Any


def delivered_and_dropped() -> tuple[str, int, int]:
    package: Any = importlib.import_module("paltabrain_fast")
    events: Any = importlib.import_module("tests.support.events")
    with package.PaltabrainSdk(
        "localhost", "key", events.TextContext(), transport=package.InMemoryTransport()
    ) as sdk:
        sdk.track(events.TextEvent())
    stats = sdk.stats()
    return package.engine, stats.delivered, sum(stats.dropped.values())


print(*delivered_and_dropped())
for name in [name for name in sys.modules if name.startswith(("paltabrain_fast", "tests.support"))]:
    del sys.modules[name]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(*delivered_and_dropped())
assert "was loaded by an earlier import" in str(caught[0].message), caught
