"""A tracker without threads: what it recorded is read back at once, and so is what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast._engine.choice import Tracker, make_engine
from paltabrain_fast._engine.protocol import RecordStatus
from paltabrain_fast.sdk_pb2 import Batch

Sent = tuple[bytes, bytes, bytes]
"""Context, header and payload of an event."""


class Recorder(Tracker):
    """Base and engine of ``PaltabrainSdk``, without what sends.

    Attributes:
        errors: of the events that could not be serialized.
        refused: why the engine did not take an event, one for each.
        after_serializing: called with an event that its own methods have serialized, before its
            bytes are recorded and compared.
    """

    track: Any = PaltabrainSdk.track

    def __init__(self, context: Any, buffer_bytes: int = 1 << 22) -> None:
        self._context = context
        self._set_up(make_engine(buffer_bytes), False)
        self._session_wire_id = 1  # so that events have numbers: they come out by contexts
        self.errors: list[Exception] = []
        self.refused: list[RecordStatus] = []
        self.after_serializing: Callable[[Any], object] = lambda _event: None

    def sent(self) -> list[Sent]:
        """What was recorded since the last call, in its order."""
        found: dict[int, Sent] = {}
        self._engine.mark()
        while (batch := self._engine.take("instance")) is not None:
            message = Batch.FromString(batch.body)
            for event in message.events:
                number = event.common.session_event_seq_num
                found[number] = (message.context, event.header, event.payload)
        return [found[number] for number in sorted(found)]

    def _event_recorded(self) -> None:
        """Nobody is to be told."""

    def _record_serialized(
        self, event: Any, context: bytes, header: bytes, payload: bytes
    ) -> RecordStatus:
        self.after_serializing(event)
        status = self._engine.record(context, header, payload, self._session_wire_id)
        if status is not RecordStatus.OK:
            self._drop(status)
        return status

    def _is_inside(self) -> bool:
        return False

    def _record_with_retry(
        self, status: RecordStatus, _record: Callable[[], RecordStatus]
    ) -> RecordStatus:
        return status

    def _drop(self, status: RecordStatus) -> None:
        self.refused.append(status)

    def _serialization_failed(self, _event: Any, error: Exception) -> None:
        self.errors.append(error)
