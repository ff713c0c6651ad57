"""Texts for a person; the ``repr()`` of events and contexts, which is short and never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from reprlib import Repr
from typing import Any, Final, NamedTuple

__all__ = ["Parts", "call_text", "count_text", "group_text", "short_text"]

_MAX_TEXT: Final = 1000
_MAX_ITEMS: Final = 250
"""More items never fit into ``_MAX_TEXT`` characters."""

_short: Final = Repr()
_short.maxlevel = 3
_short.maxdict = _short.maxlist = 10
_short.maxstring = _short.maxlong = _short.maxother = 100


class Parts(NamedTuple):
    """What an event or a context holds.

    Attributes:
        properties: the properties of the event itself.
        groups: the properties of a context, by group.
        header: the properties of an event's header, by group.
    """

    properties: Mapping[str, Any] = {}
    groups: Mapping[str, Mapping[str, Any]] = {}
    header: Mapping[str, Mapping[str, Any]] = {}


def call_text(instance: object, parts: Callable[[], Parts], name: str | None = None) -> str:
    """Return the text of a call that would make such an object: ``EventPageOpen(page_id='abc')``.

    Properties that are ``None`` are left out, since they are not sent. The text is cut at 1,000
    characters. If an attribute holds something unexpected, it is class and address instead.

    Args:
        instance: the event or context.
        parts: returns what it holds; it may raise.
        name: of what is called; the class of the instance if not given.
    """
    name = name or type(instance).__name__
    try:
        found = parts()
        texts = [f"{key}={_short.repr(value)}" for key, value in _present(found.properties)]
        texts += [f"{group}={group_text(values)}" for group, values in _present(found.groups)]
        header = [f"{group!r}: {group_text(values)}" for group, values in _present(found.header)]
        if header:
            texts.append(f"header={{{', '.join(header)}}}")
        call = f"{name}({', '.join(texts)})"
    except Exception:  # somebody may have assigned anything to the attributes
        return f"<{name} object at {id(instance):#x}>"
    return call if len(call) <= _MAX_TEXT else f"{call[: _MAX_TEXT - 4]}...)"


def group_text(values: Mapping[str, Any]) -> str:
    """Return the text of a dict of properties, long values cut."""
    return f"{{{', '.join(f'{key!r}: {_short.repr(value)}' for key, value in _present(values))}}}"


def count_text(events: int) -> str:
    """Say how many events there are, as in a line of the log."""
    return "1 event" if events == 1 else f"{events} events"


def counted(number: int, noun: str) -> str:
    """Say how many there are of something, for a person: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short_text(value: object) -> str:
    """Return the ``repr()`` of a value, cut if it is long; ``bytes`` at 100 characters."""
    return _short.repr(value)


def _present(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = ((key, value) for key, value in properties.items() if value is not None)
    return islice(given, _MAX_ITEMS)
