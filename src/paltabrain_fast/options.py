"""The options of ``PaltabrainSdk``, each checked when it is given and when it is assigned.

Any thread may call what is here.
"""

from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Callable
from typing import Any, Final, Literal, get_args

from .constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE
from .records import record
from .transport.headers import checked_api_key
from .transport.urls import base_url

__all__ = [
    "Options",
    "Overflow",
    "given_or_set",
    "origin_of_value",
    "session_wire_id",
    "switch",
]

Overflow = Literal["drop_new", "drop_old", "block"]
"""What happens to an event when the buffer is full."""

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_MAX_ID_BYTES: Final = 65_536
_MAX_WAIT_MS: Final = threading.TIMEOUT_MAX * 500
"""Half of the longest wait for a lock, so that one can wait for the sum of two such times."""
_ON: Final = ("1", "true", "yes", "on")
_OFF: Final = ("0", "false", "no", "off", "")
_VARIABLES: Final = {"hostname": HOSTNAME_VARIABLE, "api_key": API_KEY_VARIABLE}
_UNUSED: Final = {"hostname": "disabled.invalid", "api_key": "disabled"}
"""The values of a disabled SDK that was given none."""


def switch(variable: str) -> bool | None:
    """Return whether an environment variable is on; ``None`` if its text is neither on nor off."""
    text = os.environ.get(variable, "").strip().lower()
    return True if text in _ON else False if text in _OFF else None


def given_or_set(name: Literal["hostname", "api_key"], value: Any, *, disabled: bool) -> Any:
    """Return an argument of the constructor, or the environment's value if it was not given.

    Args:
        name: name of the option.
        value: the argument, ``None`` if it was not given.
        disabled: whether the SDK sends nothing. It gets a placeholder if there is no value.

    Raises:
        TypeError: there is no value, and the SDK is not disabled.
    """
    variable = _VARIABLES[name]
    if value is None:
        value = os.environ.get(variable) or None
    if disabled and not value:
        return _UNUSED[name]
    if value is None:
        raise TypeError(
            f"{name} must be given, not None, or set in the environment variable {variable}"
        )
    return value


def origin_of_value(name: Literal["hostname", "api_key"], value: Any) -> str:
    """Say where an option has its value from, and never what it is."""
    if value is not None:
        return "set by the argument"
    variable = _VARIABLES[name]
    return f"set by {variable}" if os.environ.get(variable) else "not set"


def session_wire_id(session_id: int | str | None) -> int | None:
    """Return what the wire carries for a session: a signed 64-bit integer; ``None`` for none.

    An integer is sent as it is, a UUIDv7 as its Unix milliseconds, any other UUID as its leading 63
    bits. ``0`` and ``""`` mean that there is no session.

    Raises:
        ValueError: the id is neither ``None``, a 64-bit integer nor a UUID string.
    """
    if session_id is None or (isinstance(session_id, str) and not session_id):
        return None
    if isinstance(session_id, str):
        from uuid import UUID  # here, as few have one

        try:
            uuid = UUID(session_id)
        except ValueError:
            pass
        else:
            return (uuid.int >> (80 if uuid.version == 7 else 65)) or None
    elif not isinstance(session_id, bool):
        try:
            number = operator.index(session_id)
        except TypeError:
            pass
        else:
            if _INT64_MIN <= number <= _INT64_MAX:
                return number or None
    raise ValueError(
        f"session_id must be None, a 64-bit integer or a UUID string, not {session_id!r}"
    )


def _hostname(_name: str, value: Any) -> str:
    base_url(value)
    return str(value)


def _instance_id(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be valid Unicode, not {value!r}") from None
    if not 0 < size <= _MAX_ID_BYTES:
        raise ValueError(f"{name} must have 1 to {_MAX_ID_BYTES} bytes of UTF-8, not {size}")
    return value


def _session_id(_name: str, value: Any) -> int | str | None:
    session_wire_id(value)
    return value  # type: ignore[no-any-return]  # checked by the line above


def _number(name: str, value: Any) -> float:
    """Accept any number, also of a type such as numpy's that can be converted to Python's own."""
    number = _converted(value)
    if number is None:
        raise TypeError(f"{name} must be a number, not {value!r}")
    if number != number:  # NaN
        raise ValueError(f"{name} must be a number, not {value!r}")
    return number


def _converted(value: Any) -> float | None:
    """Return a number as an ``int``, or else as a ``float``; ``None`` if it is neither."""
    try:
        return operator.index(value)
    except TypeError:
        try:
            return float(value) if hasattr(value, "__float__") else None
        except (TypeError, ValueError, OverflowError):
            return None


def _integer(minimum: int, maximum: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        number = None if isinstance(value, bool) else _converted(value)
        if not isinstance(number, int):
            raise TypeError(f"{name} must be an int, not {value!r}")
        if not minimum <= number <= maximum:
            raise ValueError(f"{name} must be from {minimum} to {maximum}, not {value!r}")
        return number

    return check


def _seconds(*, positive: bool = False, optional: bool = False) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> float | None:
        if value is None and optional:
            return None
        number = None if isinstance(value, bool) else _converted(value)
        if number is None:
            raise TypeError(f"{name} must be a number of seconds, not {value!r}")
        if not 0 <= number < math.inf or (positive and number == 0):
            least = "above 0" if positive else "at least 0"
            raise ValueError(f"{name} must be a finite number of seconds, {least}, not {value!r}")
        return float(min(number, _MAX_WAIT_MS / 1000))

    return check


def _one_of(*choices: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in choices:
            allowed = " or ".join(map(repr, choices))
            raise ValueError(f"{name} must be {allowed}, not {value!r}")
        return str(value)

    return check


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "hostname": _hostname,
    "api_key": checked_api_key,
    "instance_id": _instance_id,
    "session_id": _session_id,
    "flush_buffer_size": _number,
    "flush_interval_ms": _number,
    "flush_max_retries": _number,
    "flush_pace_ms": _number,
    "buffer_bytes": _integer(65_536, 1 << 40),
    "overflow": _one_of(*get_args(Overflow)),
    "block_timeout_ms": _integer(0, 86_400_000),
    "max_in_flight": _integer(1, 10_000),
    "request_timeout": _seconds(positive=True),
    "shutdown_timeout": _seconds(optional=True),
    "exit_timeout": _seconds(),
    "outage_seconds": _seconds(),
    "debug": lambda _name, value: bool(value),
}


@record(frozen=False, hidden=("api_key",))
class Options:
    """The options; a value that is assigned later is checked as well.

    Threads that send read them while others assign: each option is one reference.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is out of range. The error names option and value, never the API key.
    """

    hostname: str
    api_key: str
    instance_id: str
    session_id: int | str | None
    flush_buffer_size: float
    flush_interval_ms: float
    flush_max_retries: float
    flush_pace_ms: float
    buffer_bytes: int
    overflow: Overflow
    block_timeout_ms: int
    max_in_flight: int
    request_timeout: float
    shutdown_timeout: float | None
    exit_timeout: float
    outage_seconds: float
    debug: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _CHECKS[name](name, value))

    @property
    def flush_events(self) -> int:
        """``flush_buffer_size`` as a whole number of events, at least one."""
        return math.ceil(min(max(self.flush_buffer_size, 1), _INT64_MAX))

    @property
    def flush_seconds(self) -> float:
        """``flush_interval_ms`` in seconds, clamped to what ``wait()`` accepts."""
        return min(max(self.flush_interval_ms, 0), _MAX_WAIT_MS) / 1000

    @property
    def pace_seconds(self) -> float:
        """``flush_pace_ms`` in seconds, clamped in the same way; 0 if each event is a flush."""
        if self.flush_events == 1:
            return 0.0
        return min(max(self.flush_pace_ms, 0), _MAX_WAIT_MS) / 1000
