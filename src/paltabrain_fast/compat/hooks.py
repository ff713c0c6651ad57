"""Names of ``paltabrain_sdk`` that have no effect here; a warning says so, and what does."""

from __future__ import annotations

import logging
import warnings
import weakref
from typing import Final

from ..process.log import log_line, logger

__all__ = ["advise", "report_assigned", "report_overridden"]

_TRANSPORT: Final = (
    "give the constructor a transport=, whose send() gets each serialized Batch, such as"
    " InMemoryTransport() in tests"
)
_REMEDIES: Final = {
    "http_adapter": _TRANSPORT,
    "executor": "give the constructor max_in_flight=, or a transport= that makes the attempts",
    "_send_batch": _TRANSPORT,
    "_build_batch_message": _TRANSPORT,
    "_build_event_message": "override serialize_header() or serialize_payload() of the event",
    "_control_thread_": "set flush_interval_ms and flush_buffer_size, or call flush()",
}
"""What to do instead of assigning or overriding a name; ``_`` in the end: one that begins so."""

_PREFIXES: Final = tuple(name for name in _REMEDIES if name.endswith("_"))
_OPTIONS: Final = (
    *("hostname", "api_key", "instance_id", "session_id"),
    *("flush_buffer_size", "flush_interval_ms", "flush_max_retries"),
)
"""What can be assigned, and is not asked for by its name."""
_told: Final[weakref.WeakKeyDictionary[type, set[str]]] = weakref.WeakKeyDictionary()


def report_overridden(cls: type, base: type) -> None:
    """Warn of what this class, or one that it inherits from, defines and nothing uses.

    Args:
        cls: the class of an SDK.
        base: the one whose properties are the options.
    """
    for owner in cls.__mro__:
        for name, value in list(vars(owner).items()):
            is_shadow = name in _OPTIONS and isinstance(value, property) and owner is not base
            if _has_no_effect(name) or is_shadow:
                _report(cls, name, f"{owner.__qualname__}.{name} is never used")


def report_assigned(cls: type, name: str) -> None:
    """Warn that an attribute was assigned to an object of this class which nothing reads."""
    if _has_no_effect(name):
        _report(cls, name, f"{cls.__qualname__}.{name} was assigned, and has no effect")


def _has_no_effect(name: str) -> bool:
    return name in _REMEDIES or name.startswith(_PREFIXES)


def _report(cls: type, name: str, fault: str) -> None:
    told = _told.setdefault(cls, set())
    if name not in told:
        told.add(name)
        remedy = next(
            (text for known, text in _REMEDIES.items() if name.startswith(known)),
            f"assign the option, as in sdk.{name} = ..., whenever it changes",
        )
        advise(f"{fault}, as paltabrain_fast sends in its own way: {remedy}")


def advise(message: str) -> None:
    """Warn of code or settings that do not do what they seem to.

    Logged as everything is; but as an SDK is often made before logging is set up, it is a
    ``RuntimeWarning`` where nobody would see the line.
    """
    if not logger.isEnabledFor(logging.WARNING):
        return
    if _is_seen():
        log_line(logging.WARNING, message)
    else:
        warnings.warn(message, RuntimeWarning, stacklevel=4)


def _is_seen() -> bool:
    """Tell whether a handler writes what is logged: a ``NullHandler`` is ours, or like ours."""
    at: logging.Logger | None = logger
    while at is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in at.handlers):
            return True
        at = at.parent if at.propagate else None
    return False
