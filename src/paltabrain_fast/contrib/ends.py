"""What the ends of servers and workers have in common: to tell of what is lost, and left."""

from __future__ import annotations

from typing import Any

from ..encoding.display import count_text
from ..process.log import warn
from ..sdk import PaltabrainSdk

__all__ = ["tell_of_the_end"]


def tell_of_the_end(sdk: PaltabrainSdk[Any], timeout: float, option_of: str) -> None:
    """Warn of events that were lost, or not delivered in time, on ``sys.stderr`` if need be.

    A loss is told half a second after the first of its kind; a signal may end the process before.

    Args:
        sdk: whose events they are, just flushed.
        timeout: seconds that there were.
        option_of: what takes a longer ``timeout``.
    """
    sdk._tell_losses()
    if events := sdk.stats().pending_events:
        warn(
            f"not delivered within {timeout:g} s of the end: {count_text(events)}, lost if a"
            f" signal ends the process; give {option_of} a longer timeout",
            to=sdk.logger,
        )
