"""Ends while a server that does not answer has two events (arguments: hostname, exit_timeout)."""

import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(sys.argv[1], "s3cret-key", TextContext(), exit_timeout=float(sys.argv[2]))
sdk.track(TextEvent())
sdk.track(TextEvent())
