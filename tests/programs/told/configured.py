"""Loses an event where logging is configured, or silenced (arguments: hostname, how)."""

import logging
import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent

if sys.argv[2] == "basicConfig":
    logging.basicConfig()
elif sys.argv[2] == "level":
    logging.getLogger("paltabrain_sdk").setLevel("ERROR")
elif sys.argv[2] == "disabled":
    logging.getLogger("paltabrain_sdk.sdk").disabled = True
elif sys.argv[2] == "disable":
    logging.disable(logging.WARNING)

with PaltabrainSdk(sys.argv[1], "s3cret-key", TextContext()) as sdk:
    sdk.track(TextEvent())
    for _ in range(3):
        sdk.track(UnserializableEvent())
