"""The events of a test, as it sees them: in order, to iterate, to assert and to forget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, overload

from .._engine.protocol import SerializableContext, SerializableEvent
from ..decoding import TrackedEvent
from .comparison import Expectation, distance, table

__all__ = ["PaltabrainEvents"]

_MAX_LISTED: Final = 20

Groups = Mapping[str, Mapping[str, object]]


class Source(Protocol):
    """Where the events come from; ``Capture`` is one."""

    @property
    def is_blind(self) -> bool:
        """Whether no event can be seen here, as every SDK is disabled."""

    def events(self) -> list[TrackedEvent]:
        """Return what was tracked so far."""

    def clear(self) -> None:
        """Forget it."""

    def has_skipped(self, cls: type) -> bool:
        """Whether an event of this class was dropped, since it cannot be serialized."""

    def take_complaint(self) -> str | None:
        """Say which events cannot be serialized, and forget them; ``None`` if there are none."""

    def remarks(self, *, nothing_tracked: bool) -> list[str]:
        """Say what may be the reason that an event is missing, or that all are."""


class PaltabrainEvents(Sequence[TrackedEvent]):
    """What all SDKs of this process have tracked since the test began, in that order.

    Events of several SDKs are ordered by their times, which are sent in milliseconds.

    Each look at it has the SDKs deliver first, so that whatever ``track()`` has taken is there. The
    fixture ``paltabrain_events`` and ``capture_events()`` make it; any thread may use it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @overload
    def __getitem__(self, index: int) -> TrackedEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[TrackedEvent]: ...
    def __getitem__(self, index: int | slice) -> TrackedEvent | list[TrackedEvent]:
        return self._source.events()[index]

    def __len__(self) -> int:
        return len(self._source.events())

    def __iter__(self) -> Iterator[TrackedEvent]:
        return iter(self._source.events())

    def __repr__(self) -> str:
        return f"<PaltabrainEvents {self._source.events()!r}>"

    def clear(self) -> None:
        """Forget what was tracked so far, including what could not be serialized."""
        self._source.clear()

    def _take_complaint(self) -> str | None:
        """Say which events could not be serialized, and forget them; for the plugin."""
        return self._source.take_complaint()

    def assert_tracked(
        self,
        event: type[SerializableEvent] | SerializableEvent,
        /,
        *,
        header: Groups | None = None,
        context: Groups | SerializableContext | None = None,
        times: int | None = None,
        **properties: object,
    ) -> list[TrackedEvent]:
        """Assert that an event was tracked, and return all that are as expected, in order.

        Properties that are not given may be anything; ``None`` is for one that was not sent. Values
        are compared as they are sent: a naive ``datetime`` is in UTC, to the millisecond. Objects
        that know what they equal, as ``unittest.mock.ANY``, can be given for values.

        Args:
            event: class of the event. Or an event: then type, header and all properties have to be
                the same, and only ``context`` and ``times`` may be given.
            header: properties of the header by group, ``{"parent": {"parent_elements": [...]}}``.
            context: properties of the context that was sent with it, by group; or a ``Context``.
            times: how many events have to be as expected; if not given, one at least. With 0, this
                is ``assert_not_tracked()``.
            properties: of the event. One that is named like an argument of this method, or like a
                keyword of Python, gets a trailing underscore: ``times_=3``.

        Raises:
            AssertionError: no event is so, or not as many; the text has the nearest one, and in
                what it differs.
            TypeError: the event has no such property or group.
        """
        __tracebackhide__ = True
        if times == 0:
            self.assert_not_tracked(event, header=header, context=context, **properties)
            return []
        expected = _expectation(event, properties, header, context)
        events = self._source.events()
        candidates = expected.of_this_type(events)
        compared = [(expected.differences(each), place, each) for place, each in candidates]
        matches = [each for differences, _, each in compared if not differences]
        if (len(matches) == times) if times is not None else matches:
            return matches
        lines = [f"{expected} was {_tracked(len(matches))}{_wanted(times)}."]
        others = [each for each in compared if each[0]]
        if others and len(matches) < (times or 1):
            differences, place, nearest = min(others, key=lambda each: distance(each[0]))
            text = f"event {place}" if place <= _MAX_LISTED else repr(nearest)
            lines += [f"The nearest is {text}:", "", table(differences), ""]
        if len(matches) < (times or 1):
            lines += self._source.remarks(nothing_tracked=not events)
        raise AssertionError(_text(lines, events))

    def assert_not_tracked(
        self,
        event: type[SerializableEvent] | SerializableEvent,
        /,
        *,
        header: Groups | None = None,
        context: Groups | SerializableContext | None = None,
        **properties: object,
    ) -> None:
        """Assert that no event was tracked that is like this; see ``assert_tracked()``.

        Raises:
            AssertionError: one was; or nobody can tell, since all SDKs are disabled, or an event of
                this class could not be serialized.
            TypeError: the event has no such property or group.
        """
        __tracebackhide__ = True
        expected = _expectation(event, properties, header, context)
        events = self._source.events()
        matches = [
            each for _, each in expected.of_this_type(events) if not expected.differences(each)
        ]
        if matches:
            lines = [f"{expected} was {_tracked(len(matches))}, but should not have been."]
            raise AssertionError(_text(lines, events))
        if self._source.is_blind or self._source.has_skipped(expected.type):
            lines = [f"Nobody can tell whether {expected} would have been tracked."]
            lines += self._source.remarks(nothing_tracked=not events)
            raise AssertionError("\n".join(lines))


def _expectation(event: Any, properties: Any, header: Any, context: Any) -> Expectation:
    """Make it, so that the traceback of a mistake ends in the line of the test."""
    __tracebackhide__ = True
    try:
        return Expectation(event, properties, header, context)
    except TypeError as error:
        raise TypeError(*error.args) from None


def _text(lines: list[str], events: list[TrackedEvent]) -> str:
    """Return the text of a failure, with the events that were tracked at its end."""
    listed = [f"  {number}. {each}" for number, each in enumerate(events[:_MAX_LISTED], 1)]
    if len(events) > _MAX_LISTED:
        listed.append(f"  and {len(events) - _MAX_LISTED} more")
    title = "All events, in order:" if events else "No event was tracked at all."
    return "\n".join([*lines, title, *listed])


def _tracked(count: int) -> str:
    return f"tracked {_times(count)}" if count else "not tracked"


def _wanted(times: int | None) -> str:
    if times is None:
        return ""
    return f", but should have been {_times(times)}" if times else ", but should not have been"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
