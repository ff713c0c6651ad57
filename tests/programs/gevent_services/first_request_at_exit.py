"""Patches early or late and tracks one event, whose request is made at exit.

``first_request_at_exit HOSTNAME TRANSPORT MOMENT``
"""

import sys
import warnings

warnings.simplefilter("ignore")
hostname, transport, moment = sys.argv[1:]
from gevent import monkey

if moment == "early":
    monkey.patch_all()
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(
    hostname,
    "key",
    TextContext(),
    exit_timeout=30,
    transport="curl" if transport == "curl" else None,
)
sdk.track(TextEvent("forgotten"))
monkey.patch_all()
