"""Compares what a test expects of an event with what was tracked, property by property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from ..decoding import (
    Serialized,
    TrackedEvent,
    context_types,
    header_types,
    module_of,
    property_types,
    type_number,
    value_of,
)
from ..encoding.display import Parts, call_text, group_text, short_text

__all__ = ["Difference", "Expectation", "distance", "table"]

_UNSET: Final[tuple[object, ...]] = (None, [], {})
"""What is never sent."""

_OF_CONTEXT: Final = "context "

Groups = Mapping[str, Mapping[str, Any]]


class Difference(NamedTuple):
    """One property that is not as expected, as texts."""

    name: str
    expected: str
    tracked: str


class Expectation:
    """What an event has to be like: its type, and those properties that are given.

    Args:
        event: class of the event; or an event, which stands for its type, its header and all its
            properties, those that are not set included.
        properties: of the event, by their names, or by those of the constructor's parameters.
        header: properties by group.
        context: properties by group, or a ``Context``.

    Raises:
        TypeError: this is no event, or it has no such property or group.
    """

    def __init__(
        self, event: Any, properties: Mapping[str, Any], header: Any = None, context: Any = None
    ) -> None:
        self._exact = None if isinstance(event, type) else event
        self.type: Any = event if isinstance(event, type) else type(event)
        if not hasattr(self.type, "serialize_payload") or not hasattr(self.type, "event_type_id"):
            raise TypeError(f"{event!r} is neither an event nor the class of one")
        if self._exact is not None and (properties or header is not None):
            raise TypeError("give either an event, or a class with properties and header")
        self._types = property_types(self.type)
        self._properties = {
            _checked(name, self._types, f"{self.type.__name__} has no property"): value
            for name, value in properties.items()
        }
        self._header_types = header_types(self.type)
        self._context_types = context_types(module_of(self.type))
        self._header = _checked_groups(_as_dict(header), self._header_types, "header")
        self._context = _checked_groups(_as_dict(context), self._context_types, "context")
        if self._exact is not None:
            self._serialized = (self._exact.serialize_header(), self._exact.serialize_payload())

    def __str__(self) -> str:
        if self._exact is not None:
            text = repr(self._exact)
        else:
            parts = Parts(self._properties, header=self._header)
            text = call_text(self, lambda: parts, self.type.__name__)
            if not (self._properties or self._header):
                text = self.type.__name__
        groups = [f"{group}={group_text(values)}" for group, values in self._context.items()]
        return f"{text} with Context({', '.join(groups)})" if groups else text

    def of_this_type(self, events: Iterable[TrackedEvent]) -> list[tuple[int, TrackedEvent]]:
        """Return the events of the type, decoded as such, with their numbers, counted from 1."""
        found = []
        for place, event in enumerate(events, 1):
            number = type_number(event.serialized.payload)
            if number != self.type.event_type_id:
                continue
            if event.type is None:  # several modules have the number, and this is the one meant
                found.append((place, TrackedEvent(event.serialized, self.type)))
            elif issubclass(self.type, event.type) or issubclass(event.type, self.type):
                found.append((place, event))
        return found

    def differences(self, event: TrackedEvent) -> list[Difference]:
        """Return what is different in an event of the type; nothing if it is as expected."""
        found = list[Difference]()
        if self._exact is None:
            found += _compare("", self._properties, event.properties, self._types)
            found += _compare_groups("header", self._header, event.header, self._header_types)
        elif not event.is_same(*self._serialized):
            found += self._exact_differences(event)
        found += _compare_groups("context", self._context, event.context, self._context_types)
        return found

    def _exact_differences(self, event: TrackedEvent) -> list[Difference]:
        expected = TrackedEvent(Serialized(b"", *self._serialized), event.type)
        found = list(_compare_all("", expected.properties, event.properties))
        for group in {**expected.header, **event.header}:
            prefix = f"header {group}."
            pair = expected.header.get(group, {}), event.header.get(group, {})
            found += _compare_all(prefix, *pair)
        return found or [Difference("bytes", *map(short_text, (self._serialized, event)))]


def distance(differences: Sequence[Difference]) -> tuple[int, int]:
    """Return how far an event is from what is expected; of two, that with its contents is nearer.

    Its context may be that of another request, which a test is to show.
    """
    of_context = sum(each.name.startswith(_OF_CONTEXT) for each in differences)
    return len(differences), -of_context


def table(differences: Iterable[Difference]) -> str:
    """Return differences as the lines of a table, with columns of the same width."""
    rows = [Difference("property", "expected", "tracked"), *differences]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"  {row.name.ljust(widths[0])}  {row.expected.ljust(widths[1])}  {row.tracked}".rstrip()
        for row in rows
    )


def _checked(name: str, known: Iterable[str], problem: str) -> str:
    """Return the name of a property in the schema: without the underscore that Python may need.

    ``times_`` is the property ``times``, which is an argument of ``assert_tracked()`` as well.
    """
    names = list(known)
    if name in names:
        return name
    if name.endswith("_") and name[:-1] in names:
        return name[:-1]
    close = get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names) or 'none'}"
    raise TypeError(f"{problem} {name!r}: {hint}")


def _as_dict(groups: Any) -> Groups:
    if groups is None:
        return {}
    if callable(as_dict := getattr(groups, "asdict", None)):  # a Context
        groups = as_dict()
    if not isinstance(groups, Mapping) or not all(isinstance(v, Mapping) for v in groups.values()):
        raise TypeError(
            f"give properties by group, as {{'user': {{'user_id': 'u-1'}}}}: {groups!r}"
        )
    return groups


def _checked_groups(groups: Groups, types: Mapping[str, Any], what: str) -> Groups:
    found: dict[str, dict[str, Any]] = {}
    for name, properties in groups.items():
        group = _checked(name, types, f"the {what} has no group")
        problem = f"group {group!r} of the {what} has no property"
        found[group] = {
            _checked(each, types[group], problem): value for each, value in properties.items()
        }
    return found


def _compare_groups(
    what: str, expected: Groups, tracked: Groups, types: Mapping[str, Mapping[str, Any]]
) -> Iterable[Difference]:
    for group, properties in expected.items():
        yield from _compare(f"{what} {group}.", properties, tracked.get(group, {}), types[group])


def _compare(
    prefix: str,
    expected: Mapping[str, Any],
    tracked: Mapping[str, Any],
    types: Mapping[str, Any],
) -> Iterable[Difference]:
    """Yield the properties that are expected and different; others do not count."""
    for name, value in expected.items():
        actual = tracked.get(name)
        if not _equal(value, actual, types.get(name, Any)):
            yield Difference(f"{prefix}{name}", _text(value), _text(actual))


def _compare_all(
    prefix: str, expected: Mapping[str, Any], tracked: Mapping[str, Any]
) -> Iterable[Difference]:
    for name in {**expected, **tracked}:
        if expected.get(name) != tracked.get(name):
            yield Difference(f"{prefix}{name}", _text(expected.get(name)), _text(tracked.get(name)))


def _equal(expected: Any, actual: Any, hint: Any) -> bool:
    """Compare values; what is expected may be any object that knows what it equals."""
    if any(type(expected) is type(unset) and expected == unset for unset in _UNSET):
        return actual is None
    return bool(value_of(expected, hint) == actual)


def _text(value: Any) -> str:
    return "not set" if value is None else short_text(value)
