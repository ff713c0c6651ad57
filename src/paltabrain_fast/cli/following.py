"""Follows the stream of a collector over lost connections, restarts and floods."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..collector.client import ApiError, CollectorClient, Filters, UnreachableError

__all__ = ["Arrived", "Reset", "followed"]

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_ARRIVAL: Final = ("batch_id", "received_ts")


@dataclass(frozen=True, slots=True)
class Arrived:
    """Events that arrived, the oldest first, and the number of those that are left out."""

    events: list[dict[str, Any]]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """All events were deleted."""


def followed(
    client: CollectorClient,
    filters: Filters,
    after: int,
    *,
    complete: bool,
    tell: Callable[[str], None],
) -> Iterator[Arrived | Reset]:
    """Yield what arrives, for ever.

    Args:
        client: the collector to follow.
        filters: which events.
        after: id of the last event that is known.
        complete: whether what the stream leaves out in a flood is fetched, too.
        tell: is told when the connection is lost, and when it is back.

    Raises:
        ApiError: the collector refuses the filters.
    """
    pause = 0.0  # seconds; 0 while the connection stands
    last: dict[str, Any] | None = None
    while True:
        try:
            if pause and not _is_same_file(client, after, last):
                after = 0
            with client.stream(filters, after) as stream:
                if pause:
                    tell(f"The collector at {client.url} is back.")
                pause = 0.0
                for message in stream:
                    if message.event == "reset":
                        yield Reset()
                    if message.event != "events":
                        continue
                    arrived = json.loads(message.data)
                    events = sorted(arrived["events"], key=lambda event: int(event["id"]))
                    skipped = int(arrived["skipped"])
                    if skipped and complete:
                        yield from _between(client, filters, after, events)
                        skipped = 0
                    last = events[-1]
                    after = int(message.id or last["id"])
                    yield Arrived(events, skipped)
        except UnreachableError:
            pass
        except ApiError as error:
            if error.status < 500:
                raise
        if not pause:
            tell(f"The connection to {client.url} is lost; waiting for the collector.")
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS) or _FIRST_PAUSE_SECONDS
        time.sleep(pause)


def _is_same_file(client: CollectorClient, after: int, last: dict[str, Any] | None) -> bool:
    """Tell whether a collector knows the last event; other files have other ones of its id."""
    if int(client.counts()["last_id"]) < after:
        return False
    if last is None:
        return True
    found = client.events([], limit=1, after=last["id"] - 1, before=last["id"] + 1).events
    # Another schema may have other properties.
    return any(all(each[name] == last[name] for name in _ARRIVAL) for each in found)


def _between(
    client: CollectorClient, filters: Filters, after: int, events: list[dict[str, Any]]
) -> Iterator[Arrived]:
    """Fetch the events between an id and the first of ``events``."""
    before = int(events[0]["id"])
    last: int | None = after
    while last is not None:
        page = client.events(filters, limit=1000, order="asc", after=last, before=before)
        if page.events:
            yield Arrived(page.events)
        last = page.next
