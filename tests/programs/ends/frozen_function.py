"""Calls a function for each line of its input, as AWS Lambda does; prints a line after each.

``frozen_function HOSTNAME [line]``; ``line``: with the line that the docs tell to add.
"""

import sys

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

sdk = make_sdk()


def handler(request: str) -> None:
    for number in range(10):
        sdk.track(TextEvent(f"{request} {number}"))
    if "line" in sys.argv:
        sdk.flush(timeout=2)


for request in sys.stdin:
    handler(request.strip())
    print("done", flush=True)
