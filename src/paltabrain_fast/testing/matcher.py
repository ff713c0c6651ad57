"""An argument for the assertions of mocks: equal to every event with the same contents."""

from __future__ import annotations

from .._engine.protocol import SerializableEvent
from ..decoding import Serialized, TrackedEvent, event_class, event_classes, type_number

__all__ = ["SameEvent", "same_event"]


def same_event(event: SerializableEvent) -> SameEvent:
    """Return what is equal to any event that has the same type, properties and header.

    Args:
        event: as it is now; to change it later changes nothing.

    Raises:
        AttributeError: the event has a property that its schema does not have.
        TypeError: a property has the wrong type, or this is no event.
        ValueError: a property has a value that cannot be sent.

    Example:
        ``sdk.track.assert_called_once_with(same_event(EventPageOpen(page_id="a")))``
    """
    return SameEvent(event)


class SameEvent:
    """Is equal to events; see ``same_event()``."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, event: SerializableEvent) -> None:
        if isinstance(event, type):
            raise TypeError(f"same_event() takes an object, not a class: {event.__name__}()")
        if not hasattr(event, "serialize_payload"):
            raise TypeError(f"same_event() takes an event, not {type(event).__name__}")
        header, payload = event.serialize_header(), event.serialize_payload()
        cls: type | None = type(event)
        if getattr(cls, "event_type_id", None) != type_number(payload):
            cls = event_class(payload, event_classes())
        self._tracked = TrackedEvent(Serialized(b"", header, payload), cls)
        self._text = repr(event)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SameEvent):
            other = other._tracked
        if isinstance(other, TrackedEvent):
            return self._tracked.is_same(other.serialized.header, other.serialized.payload)
        try:
            return self._tracked == other
        except (AttributeError, TypeError, ValueError):  # an event that cannot be sent
            return False

    def __repr__(self) -> str:
        return f"same_event({self._text})"
