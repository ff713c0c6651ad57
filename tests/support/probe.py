"""The only place where tests name what is private to the package.

What a function promises is said in words of behaviour, so that only its body changes when the
package does. Whatever the public API tells, or ``threading`` by the names of threads, needs no
function here.
"""

from __future__ import annotations

import time
from typing import Any

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.process import fork_barrier

__all__ = ["await_delivery", "have_forks_wait"]


def await_delivery(sdk: PaltabrainSdk[Any], count: int, deadline: float = 30.0) -> None:
    """Wait until so many events are delivered, and do nothing for it, as ``flush()`` would."""
    ledger, engine = sdk._control.ledger, sdk._engine
    assert ledger.wait(
        lambda: ledger.stats(engine.counts()).delivered == count, time.monotonic() + deadline
    ), sdk.stats()


def have_forks_wait(seconds: float) -> None:
    """Set how long a fork waits for a thread that is inside OpenSSL, libcurl or a transport."""
    fork_barrier._FORK_SECONDS = seconds  # type: ignore[misc]
