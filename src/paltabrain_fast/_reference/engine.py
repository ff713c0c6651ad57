"""The reference engine: a ``deque`` of serialized events, framed with protobuf messages."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from .._engine.protocol import Counts, FramedBatch, RecordStatus
from ..constant import BATCH_MAX_BYTE_SIZE
from ..process.clock import monotonic, real_time_ns
from ..process.locks import RLock, free_after_fork
from ..sdk_pb2 import Batch, BatchCommon, BatchTelemetry, Event, EventCommon
from .uuid7 import uuid_v7

_EVICTED_PART: Final = 256
"""An eviction frees at least the capacity divided by this."""

_NEVER: Final = 1 << 64

_RECORD_BYTES: Final = 32
"""Bytes that a buffered event counts in addition to its header and payload."""


class _Record(NamedTuple):
    context: bytes
    event_ts: int
    session_id: int | None
    header: bytes
    payload: bytes
    size: int

    def event(self, number: int) -> Event:
        common = EventCommon(event_ts=self.event_ts)
        if self.session_id is not None:
            common.session_id = self.session_id
            common.session_event_seq_num = number
        return Event(common=common, header=self.header, payload=self.payload)


class _Group:
    """Events that wait until the batch of their context is cut.

    Attributes:
        first: none of them was accepted before the event of this number.
        records: the events, with their numbers.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.records: deque[tuple[_Record, int]] = deque()


class ReferenceEngine:
    """A bounded buffer of serialized events; see ``Engine`` for the contract.

    Equal contexts are stored once, and counted once.

    Any thread may record. Only one thread at a time may take or evict; it alone removes records, so
    it reads the oldest one without the lock. The lock guards the counts and the contexts.
    """

    def __init__(self, buffer_bytes: int) -> None:
        self._capacity = buffer_bytes
        self._closed = False
        self.forked = False
        self._start()

    def abandon(self) -> None:
        self.forked = True
        free_after_fork(self._lock)
        self._start()

    def _start(self) -> None:
        self._records: deque[tuple[_Record, int]] = deque()  # with ``last_number`` after it
        self._contexts: dict[bytes, int] = {}  # bytes -> number of records that share them
        self._groups: dict[bytes, _Group] = {}  # by context, in the order of their first events
        self._context: bytes | None = None  # whose turn it is, if its last body was full
        self._lock = RLock()  # re-entrant: a signal handler may track an event
        self.accepted = 0
        self.taken = 0
        self.last_number = 0
        self._marked = 0  # how many events are to be taken,
        self._pass_end = 0  # and how many of them are moved out of ``_records`` now
        self._moved = 0  # how many are
        self._bytes = 0
        self._due = 1  # ``due()`` is true once so many events are accepted
        self._shed_until = 0.0  # reading of monotonic()
        self._shed = 0

    def __len__(self) -> int:
        return self.accepted - self.taken

    def counts(self) -> Counts:
        with self._lock:
            return Counts(self.accepted, len(self), self._bytes)

    @property
    def watermark(self) -> int:
        oldest = next(iter(self._groups.values()), None)
        return self._moved if oldest is None else oldest.first

    def mark(self) -> int:
        with self._lock:
            self._marked = self.accepted
            return self._marked

    def record(
        self, context: bytes, header: bytes, payload: bytes, session_id: int | None
    ) -> RecordStatus:
        if not (type(context) is type(header) is type(payload) is bytes):
            raise TypeError("context, header and payload must be serialized to bytes")
        if len(context) > BATCH_MAX_BYTE_SIZE or len(header) + len(payload) > BATCH_MAX_BYTE_SIZE:
            return RecordStatus.CLOSED if self._closed else RecordStatus.TOO_LARGE
        size = _RECORD_BYTES + len(header) + len(payload)
        event_ts = real_time_ns() // 1_000_000
        # not _Record(...): its constructor is Python code, and would make the baseline slower
        record = tuple.__new__(_Record, (context, event_ts, session_id, header, payload, size))
        context_size = len(context)
        # A signal handler may track an event in any call: no call stands between read and write.
        with self._lock:
            if self.forked:
                return RecordStatus.FORKED
            if self._closed:
                return RecordStatus.CLOSED
            uses = self._contexts[context] if context in self._contexts else 0  # noqa: SIM401
            if not uses:
                size += context_size
            if self._bytes + size > self._capacity:
                return RecordStatus.FULL
            self._contexts[context] = uses + 1
            self._bytes += size
            self.accepted += 1
            if session_id is not None:
                self.last_number += 1
            self._records.append((record, self.last_number))
        return RecordStatus.OK

    def take(self, instance_id: str, telemetry: bytes = b"") -> FramedBatch | None:
        if self._is_done:
            self._pass_end = self._marked
            if self._is_done:
                return None
        body = _Body(instance_id, telemetry, self.watermark)
        context = self._context
        if context is None and self._groups:
            context = next(iter(self._groups))
            self._take_group(context, body)
        self._context = None
        if context not in self._groups:
            self._pass(context, body)
        if not body.events and self._groups:  # there was no more of that context
            self._take_group(next(iter(self._groups)), body)
        self._shed_until = 0.0
        return FramedBatch(
            body.serialized(),
            body.batch_id,
            body.events,
            body.too_large,
            body.first,
            self.watermark,
            self.taken,
            body.batch.HasField("telemetry"),
        )

    @property
    def _is_done(self) -> bool:
        return not self._groups and self._moved >= self._pass_end

    def _take_group(self, context: bytes, body: _Body) -> None:
        """Move events out of a group into an empty body, and drop the group when it is empty."""
        group = self._groups[context]
        body.first = group.first
        while group.records:
            record, number = group.records[0]
            event = record.event(number)
            if not body.add(record.context, event, _framed_size(event)):
                break
            self._release(group.records.popleft()[0])
        if not group.records:
            del self._groups[context]

    def _pass(self, context: bytes | None, body: _Body) -> None:
        """Move marked events out of ``_records``: into the body, if they have its context."""
        while self._moved < self._pass_end:
            record, number = self._records[0]
            event = record.event(number)
            size = _framed_size(event)
            if body.empty_size(record.context) + size > BATCH_MAX_BYTE_SIZE:
                body.too_large += 1
                self._release(record)
            elif context is None or context == record.context:
                if not body.events:
                    body.first = self._moved
                context = record.context
                if not body.add(record.context, event, size):
                    self._context = context
                    break
                self._release(record)
            else:
                if record.context not in self._groups:
                    self._groups[record.context] = _Group(self._moved)
                self._groups[record.context].records.append((record, number))
            self._records.popleft()
            self._moved += 1

    def evict(self) -> int:
        start, enough = self.taken, self._bytes - self._capacity // _EVICTED_PART
        while len(self) and self._bytes > enough:
            self._drop_oldest()
        return self.taken - start

    def _drop_oldest(self) -> None:
        if self._groups:
            context, group = next(iter(self._groups.items()))
            self._release(group.records.popleft()[0])
            if not group.records:
                del self._groups[context]
        else:
            self._release(self._records.popleft()[0])
            self._moved += 1
            self._context = None

    def prefault(self) -> None:
        pass

    def shed_for(self, milliseconds: int) -> None:
        self._shed_until = monotonic() + milliseconds / 1000

    def drop_if_shedding(self) -> bool:
        if monotonic() >= self._shed_until:
            return False
        with self._lock:
            self._shed += 1
        return True

    def take_shed(self) -> int:
        with self._lock:
            count, self._shed = self._shed, 0
        return count

    def arm(self, events: int) -> bool:
        with self._lock:
            self._due = self.taken + events
            return self.accepted < self._due

    def due(self) -> bool:
        if self.accepted < self._due:  # without the lock, since nearly all events end here
            return False
        with self._lock:
            due = self.accepted >= self._due
            if due:
                self._due = _NEVER
            return due

    @property
    def is_interrupted(self) -> bool:
        return self._lock._is_owned()

    def close(self) -> None:
        with self._lock:
            self._closed = True

    def _release(self, record: _Record) -> None:
        """Count a record as taken."""
        with self._lock:
            context_size = len(record.context)
            self.taken += 1
            self._bytes -= record.size
            self._contexts[record.context] -= 1
            if not self._contexts[record.context]:
                del self._contexts[record.context]
                self._bytes -= context_size


class _Body:
    """A batch that is being cut.

    Attributes:
        batch: the message.
        too_large: how many events were left out.
        first: no event of the batch was accepted before the one of this number.
    """

    def __init__(self, instance_id: str, telemetry: bytes, first: int) -> None:
        self.batch = Batch(common=BatchCommon(instance_id=instance_id, batch_id=uuid_v7()))
        self.too_large = 0
        self.first = first
        self._telemetry = telemetry
        self._size = 0
        self._measured: bytes | None = None  # the context that ``_empty_size`` is of
        self._empty_size = 0

    @property
    def events(self) -> int:
        return len(self.batch.events)

    @property
    def batch_id(self) -> str:
        return self.batch.common.batch_id

    def add(self, context: bytes, event: Event, size: int) -> bool:
        """Add an event, if there is room for it; the first one always finds room."""
        if not self.events:
            self._size = self.empty_size(context)
            self.batch.context = context
        elif self._size + size > BATCH_MAX_BYTE_SIZE:
            return False
        self._size += size
        self.batch.events.append(event)
        if self.events == 1 and self._telemetry:
            self._attach(self._telemetry)
        return True

    def serialized(self) -> bytes:
        return self.batch.SerializeToString() if self.events else b""

    def empty_size(self, context: bytes) -> int:
        """Return the size of a batch of this context without events."""
        if context != self._measured:
            self._measured = context
            self._empty_size = Batch(common=self.batch.common, context=context).ByteSize()
        return self._empty_size

    def _attach(self, telemetry: bytes) -> None:
        """Add the telemetry if there is room for it."""
        size = _framed_size(BatchTelemetry.FromString(telemetry))
        if self._size + size <= BATCH_MAX_BYTE_SIZE:
            self._size += size
            self.batch.telemetry.ParseFromString(telemetry)


def _framed_size(message: Event | BatchTelemetry) -> int:
    """Return the bytes that a message takes within a batch: tag, length and message."""
    size = message.ByteSize()
    return 1 + max(1, (size.bit_length() + 6) // 7) + size
