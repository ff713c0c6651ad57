"""Its logging handler shuts the SDK down, at the first line: before any thread is started."""

from __future__ import annotations

import logging
import sys

from paltabrain_fast import PaltabrainSdk, explain
from tests.support.events import TextContext, TextEvent
from tests.support.probe import is_kept_for_exit

explain(TextContext)  # now, as that is logged as well


class ForeignEvent:
    """Is logged when it is in the buffer, before a thread is started for it."""

    event_type_id = 1
    serialize_header = TextEvent.serialize_header
    serialize_payload = TextEvent.serialize_payload
    text = "tracked in time"


class ShuttingDown(logging.Handler):
    """Shuts down whenever something is logged."""

    def emit(self, _record: logging.LogRecord) -> None:
        outcomes.append((is_kept_for_exit(sdk), bool(sdk.shutdown())))


outcomes: list[tuple[bool, bool]] = []
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=30)
sdk.logger.addHandler(ShuttingDown())
sdk.track(ForeignEvent())
assert outcomes == [(False, False)], outcomes
