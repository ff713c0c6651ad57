"""Celery: deliver what is left when a worker ends, and when one of its processes does.

Without it, this is done as well where Celery was imported before the first SDK was made.
"""

from __future__ import annotations

from typing import Any

from celery.signals import worker_process_shutdown, worker_shutdown

from ..sdk import PaltabrainSdk
from .ends import tell_of_the_end

__all__ = ["deliver_at_shutdown"]


def deliver_at_shutdown(sdk: PaltabrainSdk[Any], timeout: float = 5.0) -> None:
    """Have ``sdk.flush(timeout)`` called when the worker ends, and in each process that it ends.

    Call it once, where the SDK is made: in the module of the tasks. Celery keeps the SDK.

    Args:
        sdk: that whose events the tasks track.
        timeout: seconds that each end may wait for. What is left then is told in a warning.
    """

    def deliver(**_signal: object) -> None:
        sdk.flush(timeout)
        tell_of_the_end(sdk, timeout, "deliver_at_shutdown()")

    for signal in worker_process_shutdown, worker_shutdown:
        signal.connect(deliver, weak=False)
