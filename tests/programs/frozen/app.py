"""An application with a generated config, as a user would freeze it.

``app HOSTNAME TRANSPORT``
"""

import sys

from paltabrain_fast import PaltabrainSdk, engine

# isort: split
from config import Context, EventPageOpen  # which finds the SDK under its alias

with PaltabrainSdk(
    sys.argv[1], "key", Context(), transport="curl" if sys.argv[2] == "curl" else None
) as sdk:
    for _ in range(3):
        sdk.track(EventPageOpen())
    sdk.flush(timeout=30)
    print(engine, sdk.stats().delivered, sdk.last_request_error)
