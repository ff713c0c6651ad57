from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class EventCommon(Message):
    event_ts: int
    session_id: int
    session_event_seq_num: int
    def __init__(
        self,
        *,
        event_ts: int | None = ...,
        session_id: int | None = ...,
        session_event_seq_num: int | None = ...,
    ) -> None: ...

class Event(Message):
    header: bytes
    payload: bytes
    @property
    def common(self) -> EventCommon: ...
    def __init__(
        self,
        *,
        common: EventCommon | Mapping[str, object] | None = ...,
        header: bytes | None = ...,
        payload: bytes | None = ...,
    ) -> None: ...

class BatchCommon(Message):
    instance_id: str
    batch_id: str
    country_code: str
    locale: str
    utc_offset: int
    def __init__(
        self,
        *,
        instance_id: str | None = ...,
        batch_id: str | None = ...,
        country_code: str | None = ...,
        locale: str | None = ...,
        utc_offset: int | None = ...,
    ) -> None: ...

class BatchTelemetry(Message):
    events_dropped: int
    prev_connection_speed: str
    prev_request_time: int
    events_reporting_speed: str
    storage_used: str
    trigger_type: str
    time_since_last_batch: int
    @property
    def serialization_errors(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def storage_errors(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        events_dropped: int | None = ...,
        prev_connection_speed: str | None = ...,
        prev_request_time: int | None = ...,
        events_reporting_speed: str | None = ...,
        serialization_errors: Iterable[str] | None = ...,
        storage_errors: Iterable[str] | None = ...,
        storage_used: str | None = ...,
        trigger_type: str | None = ...,
        time_since_last_batch: int | None = ...,
    ) -> None: ...

class Batch(Message):
    context: bytes
    @property
    def common(self) -> BatchCommon: ...
    @property
    def events(self) -> RepeatedCompositeFieldContainer[Event]: ...
    @property
    def telemetry(self) -> BatchTelemetry: ...
    def __init__(
        self,
        *,
        common: BatchCommon | Mapping[str, object] | None = ...,
        context: bytes | None = ...,
        events: Iterable[Event] | None = ...,
        telemetry: BatchTelemetry | Mapping[str, object] | None = ...,
    ) -> None: ...
