"""Warns of overrides and assignments that ``paltabrain_sdk`` obeyed and this package ignores."""

from __future__ import annotations

import logging
import warnings
import weakref
from typing import Final

from ..process.log import is_visible, log_line, logger

__all__ = ["warn_of_assignment", "warn_of_overrides", "warn_user"]

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
"""What to do instead of assigning or overriding a name.

A key that ends with ``_`` is a prefix: it stands for all names that begin with it.
"""

_PACKAGE: Final = __name__.partition(".")[0]
_PREFIXES: Final = tuple(name for name in _REMEDIES if name.endswith("_"))
_OPTIONS: Final = (
    *("hostname", "api_key", "instance_id", "session_id"),
    *("flush_buffer_size", "flush_interval_ms", "flush_max_retries"),
)
"""Options: they can be assigned, but a property of a subclass under such a name is never read."""
_warned: Final[weakref.WeakKeyDictionary[type, set[str]]] = weakref.WeakKeyDictionary()


def warn_of_overrides(cls: type, base: type) -> None:
    """Warn of each ignored name that a class or a base of it defines; once per class and name.

    Args:
        cls: the class of an SDK.
        base: the class that defines the options as properties: ``PaltabrainSdk``.
    """
    if _is_ours(cls):  # nobody has derived it
        return
    for owner in cls.__mro__:
        # most of the names are the package's own, which overrides nothing
        if _is_ours(owner):
            continue
        for name, value in list(vars(owner).items()):
            hides_option = name in _OPTIONS and isinstance(value, property) and owner is not base
            if _has_no_effect(name) or hides_option:
                _warn_once(cls, name, f"{owner.__qualname__}.{name} is never used")


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _PACKAGE


def warn_of_assignment(cls: type, name: str) -> None:
    """Warn that an ignored name was assigned on an SDK of this class; once per class and name."""
    if _has_no_effect(name):
        _warn_once(cls, name, f"{cls.__qualname__}.{name} was assigned, and has no effect")


def _has_no_effect(name: str) -> bool:
    return name in _REMEDIES or name.startswith(_PREFIXES)


def _warn_once(cls: type, name: str, fault: str) -> None:
    warned = _warned.setdefault(cls, set())
    if name not in warned:
        warned.add(name)
        remedy = next(
            (text for known, text in _REMEDIES.items() if name.startswith(known)),
            f"assign the option, as in sdk.{name} = ..., whenever it changes",
        )
        warn_user(f"{fault}, as paltabrain_fast sends in its own way: {remedy}")


def warn_user(message: str) -> None:
    """Warn of code or settings of the user that have another effect than they seem to have.

    The message is logged. An SDK is often made before logging is configured; then nobody would see
    the line, and the message is a ``RuntimeWarning`` instead.
    """
    if not logger.isEnabledFor(logging.WARNING):
        return
    if is_visible(logger):
        log_line(logging.WARNING, message)
    else:
        warnings.warn(message, RuntimeWarning, stacklevel=4)
