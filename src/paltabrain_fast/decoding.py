"""Decodes what goes over the wire back into the values of the user's own config module."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from functools import lru_cache
from types import NoneType
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints

from ._engine.choice import EventBase
from .encoding.display import Parts, call_text, group_text
from .sdk_pb2 import Batch

__all__ = [
    "Serialized",
    "TrackedEvent",
    "context_types",
    "decode_context",
    "decode_event",
    "event_class",
    "event_classes",
    "header_types",
    "module_of",
    "property_types",
    "tracked_events",
    "type_number",
    "value_of",
]

Properties = dict[str, Any]
Groups = dict[str, Properties]
Types = dict[str, Any]
"""Of properties, ``Optional[Decimal]`` and the like, by name in the schema."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_SESSION: Final = 0
"""What is as good as no session; numbered all the same while ``delivery.diversion`` asks for it."""


class Serialized(NamedTuple):
    """One event as it is in a batch."""

    context: bytes
    header: bytes
    payload: bytes
    event_ts: int = 0
    session_id: int | None = None
    session_event_seq_num: int | None = None
    instance_id: str = ""
    batch_id: str = ""


class TrackedEvent:
    """An event as it was sent, decoded by the config module whose class it is.

    Values are those of the module: ``Decimal``, its enums, ``datetime`` in UTC. Properties that
    were not sent are absent. It is equal to an event of the config module that has the same type,
    properties and header: ``tracked == EventPageOpen(page_id="abc")``; no context is compared.

    Attributes:
        type: class of the event; ``None`` if no class that is loaded has its number, or several.
        name: of the class; ``"event 9"`` without one.
        properties: of the event, by their names in the schema.
        header: properties of the header, by group.
        context: properties of the context that was sent with it, by group.
        time: when it was tracked, to the millisecond, in UTC.
        session_id: as it is sent, ``None`` for none.
        session_event_seq_num: number of the event in the session; ``None`` without a session.
        instance_id: of the SDK.
        batch_id: of the batch that it was sent in.
        serialized: what was decoded.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, serialized: Serialized, event_type: type | None) -> None:
        self.serialized = serialized
        self.type = event_type
        number = type_number(serialized.payload)
        self.name = f"event {number}" if event_type is None else event_type.__name__
        self.properties, self.header = decode_event(
            event_type, serialized.header, serialized.payload
        )
        self.context = decode_context(module_of(event_type), serialized.context)
        self.time = _EPOCH + timedelta(milliseconds=serialized.event_ts)
        has_session = serialized.session_id not in (None, _NO_SESSION)
        self.session_id = serialized.session_id if has_session else None
        self.session_event_seq_num = serialized.session_event_seq_num if has_session else None
        self.instance_id = serialized.instance_id
        self.batch_id = serialized.batch_id

    def __repr__(self) -> str:
        text = call_text(self, lambda: Parts(self.properties, header=self.header), self.name)
        groups = [f"{group}={group_text(values)}" for group, values in self.context.items()]
        return f"{text} with Context({', '.join(groups)})" if groups else text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TrackedEvent):
            return self.serialized == other.serialized
        if hasattr(other, "serialize_header") and hasattr(other, "serialize_payload"):
            return self.is_same(other.serialize_header(), other.serialize_payload())
        return NotImplemented

    def is_same(self, header: bytes, payload: bytes) -> bool:
        """Tell whether these are the bytes of an event with the same type, properties and header.

        Args:
            header: as an event serializes it.
            payload: as an event serializes it.
        """
        own = self.serialized
        if (own.header, own.payload) == (header, payload):
            return True
        if self.type is None or type_number(payload) != type_number(own.payload):
            return False
        return (self.properties, self.header) == decode_event(self.type, header, payload)


def tracked_events(batches: Iterable[Batch]) -> list[TrackedEvent]:
    """Decode the events of batches, in the order in which they were tracked.

    Each SDK numbers the events of a session, which is their order; sessions follow each other as
    they arrive. Without numbers it is that of their times; and within a millisecond, of batches.
    """
    classes = list(event_classes())
    instances: dict[str, int] = {}
    sessions: dict[tuple[int, int | None], int] = {}
    found: list[tuple[tuple[int, int, int, int], TrackedEvent]] = []
    for batch in batches:
        place = instances.setdefault(batch.common.instance_id, len(instances))
        for event in batch.events:
            common = event.common
            has_session = common.HasField("session_id")
            serialized = Serialized(
                batch.context,
                event.header,
                event.payload,
                common.event_ts,
                common.session_id if has_session else None,
                common.session_event_seq_num if has_session else None,
                batch.common.instance_id,
                batch.common.batch_id,
            )
            tracked = TrackedEvent(serialized, event_class(event.payload, classes))
            session = sessions.setdefault((place, serialized.session_id), len(sessions))
            number = common.session_event_seq_num
            found.append(((common.event_ts, place, session, number), tracked))
    found.sort(key=lambda each: each[0])
    return [tracked for _, tracked in found]


def event_classes() -> Iterator[type]:
    """Yield the event classes that are loaded, whatever they are built on; some more than once."""
    yield from _derived(EventBase)
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if "EventPayloadMessage" in names:  # a config module, perhaps on base classes of others
            yield from (
                each
                for each in list(names.values())
                if isinstance(each, type) and hasattr(each, "event_type_id")
            )


def _derived(parent: type) -> Iterator[type]:
    children: list[type] = parent.__subclasses__()
    for cls in children:
        yield cls
        yield from _derived(cls)


def event_class(payload: bytes, classes: Iterable[type]) -> type | None:
    """Find the class of a payload by its number; ``None`` if there is not exactly one.

    One that is left of a module which was unloaded, or loaded again, counts if there is no other,
    and so does one of no config module.
    """
    number = type_number(payload)
    found = {each for each in classes if _brings_number(each, number)}
    if len(found) > 1:
        found = {each for each in found if _is_in_config_module(each)}
    return found.pop() if len(found) == 1 else None


def _brings_number(cls: type, number: int | None) -> bool:
    """Whether the class has this number, and none that it derives from has."""
    return _number_of(cls) == number and number not in map(_number_of, cls.__bases__)


def _is_in_config_module(cls: type) -> bool:
    module = module_of(cls)
    return module is not None and getattr(module, cls.__name__, None) is cls


def _number_of(cls: type) -> Any:
    return getattr(cls, "event_type_id", None)


def type_number(payload: bytes) -> int | None:
    """Return the number of a message's first field: a payload has one, ``event_<number>``."""
    tag = 0
    for place, byte in enumerate(payload[:5]):
        tag |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return tag >> 3
    return None


def module_of(cls: type | None) -> Any:
    """Return the config module of a class, or of one that it derives from; ``None`` without one."""
    for each in () if cls is None else cls.__mro__:
        module = sys.modules.get(each.__module__)
        if hasattr(module, "EventPayloadMessage"):
            return module
    return None


def decode_event(cls: type | None, header: bytes, payload: bytes) -> tuple[Properties, Groups]:
    """Decode properties and header of an event; what cannot be decoded is empty.

    Args:
        cls: class of the event.
        header: a serialized ``EventHeader``.
        payload: a serialized ``EventPayload``.
    """
    module = module_of(cls)
    properties: Properties = {}
    with suppress(Exception):  # no config module, or one of another shape
        message = module.EventPayloadMessage.FromString(payload)
        member = message.WhichOneof(message.DESCRIPTOR.oneofs[0].name)
        properties = _properties(getattr(message, member), property_types(cls))
    return properties, _groups(header, module, "EventHeaderMessage", header_types(cls))


def decode_context(module: Any, context: bytes) -> Groups:
    """Decode a context by the config module of an event; empty if that cannot be done."""
    return _groups(context, module, "ContextMessage", context_types(module))


def property_types(cls: Any) -> Types:
    """Return the type of each property of an event class, as its constructor says."""
    with suppress(Exception):
        fields = module_of(cls).EventPayloadMessage.DESCRIPTOR.fields_by_number
        return _types(fields[cls.event_type_id].message_type, cls.__init__)
    return {}


def header_types(cls: Any) -> dict[str, Types]:
    """Return the types of a header's properties, by group, as the setters of an event say."""
    return _group_types(module_of(cls), "EventHeaderMessage", cls)


def context_types(module: Any) -> dict[str, Types]:
    """Return the types of a context's properties, by group, as the setters of ``Context`` say."""
    return _group_types(module, "ContextMessage", getattr(module, "Context", None))


def _group_types(module: Any, name: str, cls: Any) -> dict[str, Types]:
    with suppress(Exception):
        groups = getattr(module, name).DESCRIPTOR.fields
        return {
            group.name: _types(group.message_type, getattr(cls, f"set_{group.name}", None))
            for group in groups
        }
    return {}


def _types(descriptor: Any, function: Any) -> Types:
    """Return the types that the parameters of a function have, by the fields of a message.

    The parameter of a field that is named like a keyword of Python has a trailing underscore.
    """
    hints = _hints(function)
    names = [field.name for field in descriptor.fields]
    return {name: hints.get(name, hints.get(f"{name}_", Any)) for name in names}


@lru_cache(maxsize=1024)
def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except Exception:  # names that cannot be resolved: values stay as protobuf has them
        return {}


def _groups(content: bytes, module: Any, name: str, types: Mapping[str, Types]) -> Groups:
    with suppress(Exception):
        message = getattr(module, name).FromString(content)
        return {
            field.name: _properties(value, types[field.name])
            for field, value in message.ListFields()
        }
    return {}


def _properties(message: Any, types: Types) -> Properties:
    return {field.name: value_of(value, types[field.name]) for field, value in message.ListFields()}


def value_of(value: Any, hint: Any) -> Any:
    """Return the value of a config module for one of protobuf's, or for one of a user's.

    Args:
        value: what a message holds; or what a user gives, which is taken as ``set_proto`` does.
        hint: type of the property, see ``Types``.
    """
    options = [each for each in get_args(hint) if each is not NoneType]
    origin = get_origin(hint)
    if origin in (list, dict):
        inner = options[-1] if options else Any
    else:
        inner = options[0] if len(options) == 1 else hint
        if get_origin(inner) in (list, dict):
            return value_of(value, inner)
    if isinstance(value, Mapping):
        return {key: _scalar(each, inner) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_scalar(each, inner) for each in value]
    return _scalar(value, inner)


def _scalar(value: Any, kind: Any) -> Any:
    if not isinstance(kind, type):
        return value
    if kind is datetime:
        return _moment(value)
    if kind is Decimal and isinstance(value, str):
        with suppress(InvalidOperation):
            return Decimal(value)
    if issubclass(kind, IntEnum) and type(value) is int:
        with suppress(ValueError):  # a value that this module does not know
            return kind(value)
    return value


def _moment(value: Any) -> Any:
    """Return a time in UTC, to the millisecond, towards zero as it is sent."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        since = (aware - _EPOCH) // timedelta(microseconds=1)
        value = since // 1000 if since >= 0 else -(-since // 1000)
    if type(value) is int:
        with suppress(OverflowError):
            return _EPOCH + timedelta(milliseconds=value)
    return value
