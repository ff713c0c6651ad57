"""How events and contexts look to a person: short, whatever they hold, and never an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from reprlib import Repr
from typing import Any, Final, NamedTuple

__all__ = ["Parts", "call_text"]

_MAX_TEXT: Final = 1000
_MAX_ITEMS: Final = 250
"""Any more would be beyond ``_MAX_TEXT``."""

_short: Final = Repr()
_short.maxlevel = 3
_short.maxdict = _short.maxlist = 10
_short.maxstring = _short.maxlong = _short.maxother = 100


class Parts(NamedTuple):
    """What an event or a context holds: its own properties, its groups, those of its header."""

    properties: Mapping[str, Any] = {}
    groups: Mapping[str, Mapping[str, Any]] = {}
    header: Mapping[str, Mapping[str, Any]] = {}


def call_text(instance: object, parts: Callable[[], Parts]) -> str:
    """Return an object as the call that would make one like it, ``EventPageOpen(page_id='abc')``.

    A property that is ``None``, and so is not sent, is left out.
    """
    name = type(instance).__name__
    try:
        found = parts()
        texts = [f"{key}={_short.repr(value)}" for key, value in _present(found.properties)]
        texts += [f"{group}={_group(values)}" for group, values in _present(found.groups)]
        header = [f"{group!r}: {_group(values)}" for group, values in _present(found.header)]
        if header:
            texts.append(f"header={{{', '.join(header)}}}")
        call = f"{name}({', '.join(texts)})"
    except Exception:  # whatever somebody may have assigned
        return f"<{name} object at {id(instance):#x}>"
    return call if len(call) <= _MAX_TEXT else f"{call[: _MAX_TEXT - 4]}...)"


def _group(values: Mapping[str, Any]) -> str:
    return f"{{{', '.join(f'{key!r}: {_short.repr(value)}' for key, value in _present(values))}}}"


def _present(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = ((key, value) for key, value in properties.items() if value is not None)
    return islice(given, _MAX_ITEMS)
