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
        self._lock = RLock()  # re-entrant: a signal handler may track an event
        self.accepted = 0
        self.taken = 0
        self.last_number = 0
        self._bytes = 0
        self._mark = 1  # ``due()`` is true once so many events are accepted
        self._shed_until = 0.0  # reading of monotonic()
        self._shed = 0

    def __len__(self) -> int:
        return len(self._records)

    def counts(self) -> Counts:
        with self._lock:
            return Counts(self.accepted, len(self._records), self._bytes)

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
        if not self._records:
            return None
        start, too_large = self.taken, 0
        context = self._records[0][0].context
        common = BatchCommon(instance_id=instance_id, batch_id=uuid_v7())
        batch = Batch(common=common, context=context)
        size = empty_size = batch.ByteSize()
        while self._records and self._records[0][0].context == context:
            record, number = self._records[0]
            event = record.event(number)
            event_size = _framed_size(event)
            if empty_size + event_size > BATCH_MAX_BYTE_SIZE:
                too_large += 1
            elif size + event_size > BATCH_MAX_BYTE_SIZE:
                break
            else:
                size += event_size
                batch.events.append(event)
                if len(batch.events) == 1 and telemetry:
                    size += self._attach(telemetry, batch, BATCH_MAX_BYTE_SIZE - size)
            self._release()
        self._shed_until = 0.0
        body = batch.SerializeToString() if batch.events else b""
        return FramedBatch(
            body,
            common.batch_id,
            len(batch.events),
            too_large,
            start,
            end=self.taken,
            telemetry=batch.HasField("telemetry"),
        )

    def evict(self) -> int:
        start, enough = self.taken, self._bytes - self._capacity // _EVICTED_PART
        while self._records and self._bytes > enough:
            self._release()
        return self.taken - start

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
            self._mark = self.taken + events
            return self.accepted < self._mark

    def due(self) -> bool:
        if self.accepted < self._mark:  # without the lock, since nearly all events end here
            return False
        with self._lock:
            due = self.accepted >= self._mark
            if due:
                self._mark = _NEVER
            return due

    @property
    def is_interrupted(self) -> bool:
        return self._lock._is_owned()

    def close(self) -> None:
        with self._lock:
            self._closed = True

    @staticmethod
    def _attach(telemetry: bytes, batch: Batch, room: int) -> int:
        """Add the telemetry to the batch if it fits; return the bytes that it takes, or 0."""
        size = _framed_size(BatchTelemetry.FromString(telemetry))
        if size > room:
            return 0
        batch.telemetry.ParseFromString(telemetry)
        return size

    def _release(self) -> None:
        with self._lock:
            record, _ = self._records.popleft()
            context_size = len(record.context)
            self.taken += 1
            self._bytes -= record.size
            self._contexts[record.context] -= 1
            if not self._contexts[record.context]:
                del self._contexts[record.context]
                self._bytes -= context_size


def _framed_size(message: Event | BatchTelemetry) -> int:
    """Return the bytes that a message takes within a batch: tag, length and message."""
    size = message.ByteSize()
    return 1 + max(1, (size.bit_length() + 6) // 7) + size
