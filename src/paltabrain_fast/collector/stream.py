"""The stream of the HTTP API: server-sent events with what arrives, resumed by id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from .filters import Filter, Page
from .objects import EventObject
from .store import StoppingError, Store

MESSAGE_SECONDS: Final = 0.1
"""Seconds between two messages with events, at least."""

COUNTS_SECONDS: Final = 1.0
"""Seconds between two messages with counts, at least."""

HEARTBEAT_SECONDS: Final = 15.0
"""Seconds after which a comment shows that the connection lives."""

MAX_EVENTS: Final = 200
"""Events in a message, at most: the newest."""

Find = Callable[[Filter, Page], Awaitable[list[EventObject]]]
"""Reads the events of a page."""

Count = Callable[[Filter, Page], Awaitable[int]]
"""Counts the events of a page as if it had no limit."""


async def stream(
    store: Store,
    find: Find,
    count: Count,
    wanted: Filter,
    after: int | None,
    is_stopping: Callable[[], bool],
) -> AsyncIterator[str]:
    """Yield the messages to one client.

    Args:
        store: is watched for changes.
        find: reads events.
        count: counts them.
        wanted: which events are sent.
        after: the id after which the stream goes on; ``None`` means only what arrives from now on.
        is_stopping: whether the collector stops, which ends the stream.
    """
    loop = asyncio.get_running_loop()
    changed = store.watch()
    last_id = store.tally.last_id if after is None else after
    resets = store.tally.resets
    told: dict[str, Any] | None = None
    events_due = counts_due = heard = loop.time()
    try:
        yield "retry: 1000\n\n"
        while not is_stopping():
            changed.clear()
            now = loop.time()
            if resets != store.tally.resets:
                resets, last_id, heard = store.tally.resets, store.tally.last_id, now
                yield _message("reset", {})
            if now >= counts_due:
                counts_due = now + COUNTS_SECONDS
                counts = store.tally.document()
                if counts != told:
                    told, heard = counts, now
                    yield _message("counts", counts)
            if now >= events_due and last_id < store.tally.last_id:
                events_due = now + MESSAGE_SECONDS
                upto = store.tally.last_id
                page = Page(before=upto + 1, after=last_id, limit=MAX_EVENTS)
                found = await find(wanted, page)
                skipped = 0
                if len(found) == MAX_EVENTS:
                    skipped = await count(wanted, page) - MAX_EVENTS
                last_id = upto
                if found:
                    document = {"events": found[::-1], "skipped": skipped}
                    yield _message("events", document, found[0]["id"])
                    heard = now
            if now >= heard + HEARTBEAT_SECONDS:
                heard = now
                yield ": the collector has nothing to tell\n\n"
            due = min(counts_due, heard + HEARTBEAT_SECONDS) - loop.time()
            if last_id < store.tally.last_id and resets == store.tally.resets:
                await asyncio.sleep(min(due, events_due - loop.time()))
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), max(0, due))
    except StoppingError:
        return  # it was reading when the collector stopped
    finally:
        store.unwatch(changed)


def _message(event: str, data: dict[str, Any], event_id: int | None = None) -> str:
    head = f"event: {event}\n" + ("" if event_id is None else f"id: {event_id}\n")
    # JSON of this form has no line breaks.
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n"
