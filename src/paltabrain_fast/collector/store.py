"""The store of a running collector: groups what arrives into transactions, and counts it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from typing import Final

from .errors import RefusedError
from .notices import OnNotice, of_refused, of_report, of_turned_away
from .tally import Tally
from .warehouse import Entry, Upload, Warehouse, Written

_log: Final = logging.getLogger(__name__)

_MOST_ENTRIES: Final = 64
"""Entries that are stored in one transaction at most."""

_MANY_EVENTS: Final = 20_000
"""Events after which no further entry is added to a transaction."""


class StoppingError(Exception):
    """The collector stops: what waits is neither stored nor read."""


class StoringError(Exception):
    """An entry cannot be stored; the text says why."""


class Store:
    """Stores entries. While a group is stored, those that arrive wait, and are the next group.

    So each transaction, which waits for the disk, serves all clients that sent meanwhile. An entry
    is settled when its transaction is in the file. All methods are called in the event loop's
    thread; the warehouse is used in that of ``writer``.

    Args:
        warehouse: the file.
        writer: an executor with exactly one thread.
        on_notice: called with each event or request that was refused, and each report of an SDK.

    Attributes:
        tally: the counts.
        resets: how often everything was deleted.
    """

    def __init__(self, warehouse: Warehouse, writer: Executor, on_notice: OnNotice | None) -> None:
        self.tally: Tally = warehouse.tally()
        self.resets = 0
        self._warehouse = warehouse
        self._writer = writer
        self._on_notice = on_notice
        self._waiting: list[tuple[Entry, asyncio.Future[Written]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._watchers: set[asyncio.Event] = set()
        self._is_stopping = False

    def watch(self) -> asyncio.Event:
        """Return an event that is set after each change, until it is given to ``unwatch()``."""
        event = asyncio.Event()
        self._watchers.add(event)
        return event

    def unwatch(self, event: asyncio.Event) -> None:
        """Set an event no more."""
        self._watchers.discard(event)

    async def add(self, entry: Entry) -> Written:
        """Store an entry.

        Raises:
            StoppingError: the collector stops, and the entry is not stored.
            StoringError: it cannot be stored.
        """
        if self._is_stopping:
            raise StoppingError
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_all())
        return await future

    async def refuse(self, refusal: RefusedError, upload: Upload, body: bytes | None) -> None:
        """Store why a request was refused."""
        await self.add(Entry(upload, refusal=refusal, body=body))

    def turn_away(self, refusal: RefusedError) -> None:
        """Tell that a request was refused that brought nothing to be stored."""
        if self._on_notice is not None:
            self._on_notice(of_turned_away(refusal))

    async def reset(self) -> int:
        """Delete everything; return how many events and refusals there were."""
        loop = asyncio.get_running_loop()
        deleted = await loop.run_in_executor(self._writer, self._warehouse.reset)
        self.tally.reset()
        self.resets += 1
        self.changed()
        return deleted

    async def stop(self) -> None:
        """Wait until the group that is being stored is stored; refuse the others."""
        self._is_stopping = True
        self.changed()
        if self._storing is not None:
            await asyncio.wait({self._storing})

    def changed(self) -> None:
        """Wake those who watch."""
        for event in self._watchers:
            event.set()

    async def _store_all(self) -> None:
        try:
            while self._waiting and not self._is_stopping:
                await self._store_group(self._next_group())
        finally:
            self._storing = None
            for _, future in self._waiting:
                _fail(future, StoppingError())
            self._waiting.clear()

    def _next_group(self) -> list[tuple[Entry, asyncio.Future[Written]]]:
        events = 0
        for number, (entry, _) in enumerate(self._waiting, start=1):
            events += len(entry.batch.events) if entry.batch else 0
            if number == _MOST_ENTRIES or events >= _MANY_EVENTS:
                break
        group, self._waiting = self._waiting[:number], self._waiting[number:]
        return group

    async def _store_group(self, group: list[tuple[Entry, asyncio.Future[Written]]]) -> None:
        entries = [entry for entry, _ in group]
        loop = asyncio.get_running_loop()
        results: list[Written | Exception]
        try:
            results = await loop.run_in_executor(self._writer, self._warehouse.store, entries)
        except Exception as error:
            results = [error] * len(group)
        for (entry, future), result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                _log.error("a batch cannot be stored: %s", result)
                _fail(future, StoringError(str(result)))
                continue
            self._count(entry, result)
            if not future.done():  # its request may have been cancelled
                future.set_result(result)
        self.changed()

    def _count(self, entry: Entry, written: Written) -> None:
        tally = self.tally
        if written.last_id is None:
            tally.repeats += 1
            return
        tally.last_id = written.last_id
        for event in written.refused:
            tally.refused(event["type"], event["status"])
            if self._on_notice is not None:
                self._on_notice(of_refused(event))
        batch = entry.batch
        if batch is not None and entry.refusal is None and (batch.events or not batch.refused):
            tally.stored(batch.envelope["instance_id"], written.types)
            if batch.report is not None:
                tally.dropped_by_sdks += batch.report.dropped
                if self._on_notice is not None:
                    self._on_notice(of_report(batch.report))


def _fail(future: asyncio.Future[Written], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
