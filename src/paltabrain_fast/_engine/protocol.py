"""What the native and the reference engine have in common."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

__all__ = [
    "Counts",
    "Engine",
    "FramedBatch",
    "RecordStatus",
    "SerializableContext",
    "SerializableEvent",
    "TrackerHooks",
    "class_given_error",
]


class SerializableEvent(Protocol):
    """What ``track()`` takes: an event of a config module, whatever that is built on."""

    def serialize_header(self) -> bytes:
        """Return the header as a serialized ``EventHeader`` message, ``b""`` if it is empty."""

    def serialize_payload(self) -> bytes:
        """Return the properties as a serialized ``EventPayload`` message."""


class SerializableContext(Protocol):
    """What an SDK takes for a context: that of a config module, whatever it is built on."""

    def serialize_context(self) -> bytes:
        """Return the context as a serialized ``Context`` message."""


def class_given_error(what: str, given: type) -> TypeError:
    """Return the error for a class where an object of it was wanted."""
    name = given.__name__
    return TypeError(f"{what} must be an object, not the class {name}: write {name}()")


class RecordStatus(IntEnum):
    """What became of an event that was to be recorded: the ``pbf_status`` of the C core.

    Attributes:
        OK: it was accepted.
        FULL: the buffer has no room for it now.
        TOO_LARGE: no batch could ever hold it.
        CLOSED: the buffer accepts nothing more.
        STALE: the native engine retired the context in the meantime, and tries again by itself.
        INVALID: text of it is not valid Unicode. Only the encoder says so.
        FORKED: this process is a forked child of the one that made the engine.
        REENTRANT: it was tracked from within the SDK's own work, which takes no events.
        FALL_BACK: the native engine does not encode it; it has to serialize itself.
        INTERRUPTED: what is no ``Exception``, such as ``KeyboardInterrupt``, was raised meanwhile.
    """

    OK = 0
    FULL = 1
    TOO_LARGE = 2
    CLOSED = 3
    STALE = 4
    INVALID = 5
    FORKED = 6
    REENTRANT = 7
    FALL_BACK = 8
    INTERRUPTED = 9


class FramedBatch(NamedTuple):
    """One batch, ready to be sent.

    Attributes:
        body: a serialized ``Batch``; empty if every event was too large.
        batch_id: its UUIDv7.
        events: how many events the body holds.
        too_large: how many events can never fit into a batch and were left out.
        start: no event of the batch was accepted before the one of this number, counted from 0.
        end: ``Engine.watermark`` as of this batch.
        taken: ``Engine.taken`` as of this batch.
        telemetry: whether the body carries the telemetry that was to go with it.
    """

    body: bytes
    batch_id: str
    events: int
    too_large: int
    start: int
    end: int
    taken: int
    telemetry: bool = False


class Counts(NamedTuple):
    """What an engine holds at one moment.

    Attributes:
        accepted: events accepted so far.
        pending_events: events buffered.
        pending_bytes: bytes that they and their contexts use of ``buffer_bytes``.
    """

    accepted: int
    pending_events: int
    pending_bytes: int


class Engine(Protocol):
    """A bounded buffer of serialized events, filled by any thread and emptied by one at a time."""

    @property
    def accepted(self) -> int:
        """Number of events accepted so far."""

    @property
    def taken(self) -> int:
        """Number of events taken out so far."""

    @property
    def watermark(self) -> int:
        """How many events, in the order of acceptance, are taken out without a gap.

        Fewer than ``taken``, perhaps, as batches are cut by contexts.
        """

    @property
    def last_number(self) -> int:
        """Session number of the last accepted event that has a session; 0 if there was none.

        Events with a session are numbered in the order in which they were accepted, evicted and too
        large ones included. To assign it lets the next one have the number after it; those accepted
        before keep theirs.
        """

    @last_number.setter
    def last_number(self, number: int) -> None: ...

    def __len__(self) -> int:
        """Return the number of events buffered."""

    def counts(self) -> Counts:
        """Return what is accepted and buffered, read at one moment."""

    def record(
        self, context: bytes, header: bytes, payload: bytes, session_id: int | None
    ) -> RecordStatus:
        """Buffer one event, stamped with the current time.

        ``FORKED`` asks to record the event in the engine that has succeeded this one.

        Args:
            context: a serialized ``Context``.
            header: a serialized ``EventHeader``, may be empty.
            payload: a serialized ``EventPayload``.
            session_id: what the wire carries, ``None`` for an event without session and number.

        Raises:
            TypeError: a part is not ``bytes``.
        """

    def mark(self) -> int:
        """Have what is accepted by now taken out, and return ``accepted``; any thread may ask."""

    def take(self, instance_id: str, telemetry: bytes = b"") -> FramedBatch | None:
        """Cut the next batch of what was accepted before the last ``mark()``.

        A batch has one context, and its size a limit. From one ``mark()`` to another that was made
        when all was taken, each context has one batch, or as many as its size needs: in the order
        of the first events; and within a context, events are in order.

        The batch carries ``telemetry``, a serialized ``BatchTelemetry``, if there is room for it
        beside its first event. One caller at a time. Returns ``None`` when nothing more is marked.
        """

    def evict(self) -> int:
        """Drop the oldest events to make room for new ones, marked or not; they keep their numbers.

        For the caller of ``take``. Returns how many there were; none if the oldest is being written
        this very moment.
        """

    def prefault(self) -> None:
        """Have the memory of a full buffer at hand, as events wait when the kernel gives it.

        Not that of a huge one. For the caller of ``take``, which does so itself when much is
        buffered; takes milliseconds, the first time.
        """

    def shed_for(self, milliseconds: int) -> None:
        """Let ``drop_if_shedding`` be true for so long, or until ``take`` makes room."""

    def drop_if_shedding(self) -> bool:
        """Count an event that found the buffer full, if it may be dropped with no more ado."""

    def take_shed(self) -> int:
        """Return how many events ``drop_if_shedding`` has counted since the last call.

        One caller at a time.
        """

    def arm(self, events: int) -> bool:
        """Ask that ``due`` be true, once, as soon as so many events are buffered; 1 at the start.

        For the caller of ``take``. Returns ``False`` if they are already, or if the first is about
        to be: nobody may be told of those.
        """

    def due(self) -> bool:
        """Tell, after an event was accepted, whether it is the one that was asked for."""

    @property
    def is_interrupted(self) -> bool:
        """Whether this thread is within a call of the engine already, and holds its lock.

        So this is a signal handler or a finalizer. It must not wait for the consumer, which waits
        for the lock.
        """

    @property
    def forked(self) -> bool:
        """Whether this process is a child of the one that made the engine.

        Where forks cannot be counted, only ``abandon`` makes it true.
        """

    def abandon(self) -> None:
        """Give back what is buffered, in a forked child: it stays the parent's.

        From then on the engine is empty, and ``record`` returns ``FORKED``.
        """

    def close(self) -> None:
        """Accept nothing more; what is buffered can still be taken.

        When it returns, ``accepted`` has its last value, and all of that can be taken.
        """


class TrackerHooks(Protocol):
    """What ``Tracker``, the base of ``PaltabrainSdk``, calls for what is not its own work."""

    def _event_recorded(self) -> None:
        """Start or wake the control thread: an event was recorded for which ``due`` was true."""

    def _record_serialized(
        self, event: Any, context: bytes, header: bytes, payload: bytes
    ) -> RecordStatus:
        """Record an event that has serialized itself, or drop it, and return what became of it."""

    def _record_with_retry(
        self, status: RecordStatus, record: Callable[[], RecordStatus]
    ) -> RecordStatus:
        """Call ``record`` again if its first call returned ``FORKED`` or ``FULL``.

        A forked child begins anew first; a full buffer is given room, as ``overflow`` says.

        Args:
            status: what the first call returned.
            record: tries once to record an event.

        Returns:
            What the last call returned.
        """

    def _divert(self, event: Any, context: Any) -> tuple[Any, Any] | None:
        """Call the user's code before an event is encoded, if ``_set_up`` was told of any.

        Not called for an event that is refused because ``_is_inside``.

        Returns:
            The event to record, and the context that it carries, be that false; ``None`` if the
            event is dropped, and counted.
        """

    def _is_inside(self) -> bool:
        """Tell whether the SDK's own work is further up the stack of this thread."""

    def _drop(self, status: RecordStatus) -> None:
        """Count and report an event that is dropped for the reason that ``status`` says."""

    def _serialization_failed(self, event: Any, error: Exception) -> None:
        """Count and report an event that is skipped, since ``error`` was raised for it."""
