"""The store of a running collector: groups what arrives into transactions, and counts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from .errors import RefusedError
from .objects import EventObject
from .tally import Tally
from .warehouse import Entry, Upload, Warehouse, Written

OnRefused = Callable[[EventObject], None]

_LARGEST_GROUP: Final = 64
"""Entries that are stored in one transaction at most."""


class StoppingError(Exception):
    """The collector stops: what waits is not stored."""


class Store:
    """Stores entries. While a group is stored, those that arrive wait, and are the next group.

    So each transaction, which waits for the disk, serves all clients that sent meanwhile. An entry
    is settled when its transaction is in the file. All methods are called in the event loop's
    thread; the warehouse is used in that of ``writer``.

    Args:
        warehouse: the file.
        writer: an executor with exactly one thread.
        on_refused: called with each event or request that was refused.

    Attributes:
        tally: the counts.
        resets: how often everything was deleted.
    """

    def __init__(
        self, warehouse: Warehouse, writer: Executor, on_refused: OnRefused | None
    ) -> None:
        self.tally: Tally = warehouse.tally()
        self.resets = 0
        self._warehouse = warehouse
        self._writer = writer
        self._on_refused = on_refused
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
            Exception: it cannot be stored.
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
        loop = asyncio.get_running_loop()
        try:
            while self._waiting and not self._is_stopping:
                group, self._waiting = (
                    self._waiting[:_LARGEST_GROUP],
                    self._waiting[_LARGEST_GROUP:],
                )
                entries = [entry for entry, _ in group]
                results = await loop.run_in_executor(self._writer, self._warehouse.store, entries)
                for (entry, future), result in zip(group, results, strict=True):
                    if isinstance(result, Written):
                        self._count(entry, result)
                    if future.done():  # its request was cancelled
                        continue
                    if isinstance(result, Written):
                        future.set_result(result)
                    else:
                        future.set_exception(result)
                self.changed()
        finally:
            self._storing = None
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(StoppingError())
            self._waiting.clear()

    def _count(self, entry: Entry, written: Written) -> None:
        tally = self.tally
        if written.last_id is None:
            tally.repeats += 1
            return
        tally.last_id = written.last_id
        for event in written.refused:
            tally.refused(event["type"], event["status"])
            if self._on_refused is not None:
                self._on_refused(event)
        batch = entry.batch
        if batch is not None and entry.refusal is None and (batch.events or not batch.refused):
            tally.stored(batch.envelope["instance_id"], written.types)
