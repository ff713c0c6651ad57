"""Cancels an ``ashutdown()`` that has no limit, while the server never answers.

``cancelled_shutdown TIMEOUT``: after so many seconds. Prints what became of it.
"""

import asyncio
import socket
import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

listener = socket.create_server(("127.0.0.1", 0))  # which nobody serves


async def main() -> None:
    sdk = PaltabrainSdk(
        f"http://127.0.0.1:{listener.getsockname()[1]}", "key", TextContext(), exit_timeout=0.1
    )
    sdk.track(TextEvent())
    try:
        await asyncio.wait_for(sdk.ashutdown(), float(sys.argv[1]))
    except TimeoutError:
        print("cancelled, and", "shut down" if sdk.is_shutdown else "open")


asyncio.run(main())
