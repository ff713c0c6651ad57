"""How events and contexts look to a person: short, whatever they hold, and never an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from reprlib import Repr
from typing import Any, Final

__all__ = ["call_text"]

_MAX_TEXT: Final = 1000
_MAX_ITEMS: Final = 100
"""More than an event has: what is beyond would be cut off in any case."""

_short: Final = Repr()
_short.maxlevel = 4
_short.maxdict = _short.maxlist = 10
_short.maxstring = _short.maxlong = _short.maxother = 100


def call_text(
    instance: object, properties: Callable[[], tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> str:
    """Return an object as the call that would make one like it, ``EventPageOpen(page_id='abc')``.

    What is ``None``, and so is not sent, is left out.

    Args:
        instance: an event or a context.
        properties: returns its properties, and the groups of its header.
    """
    name = type(instance).__name__
    try:
        own, header = properties()
        parts = [f"{key}={text}" for key, text in _texts(own, 1)]
        if header:
            parts.append(f"header={_text(header, 2)}")
        call = f"{name}({', '.join(parts)})"
    except Exception:  # whatever somebody may have assigned
        return f"<{name} object at {id(instance):#x}>"
    return call if len(call) <= _MAX_TEXT else f"{call[: _MAX_TEXT - 4]}...)"


def _texts(properties: Mapping[str, Any], levels: int) -> list[tuple[str, str]]:
    given = ((key, value) for key, value in properties.items() if value is not None)
    return [(key, _text(value, levels)) for key, value in islice(given, _MAX_ITEMS)]


def _text(value: Any, levels: int) -> str:
    if isinstance(value, dict) and levels:  # a group
        pairs = [f"{key!r}: {text}" for key, text in _texts(value, levels - 1)]
        return f"{{{', '.join(pairs)}}}"
    return _short.repr(value)
