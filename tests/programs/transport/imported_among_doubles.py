"""A double is there before the SDK is imported (arguments: what it replaces, hostname)."""

import sys
from unittest.mock import MagicMock, patch

target, hostname = sys.argv[1:]
double = patch(target, MagicMock(**{"return_value.status_code": 200}))
double.start()

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

with PaltabrainSdk(hostname, "key", TextContext(), flush_max_retries=1) as sdk:
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    double.stop()
    sdk.track(TextEvent())
assert sdk.stats().delivered == (2 if target.endswith(".post") else 1), sdk.last_request_error
