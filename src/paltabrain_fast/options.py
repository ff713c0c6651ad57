"""The options of ``PaltabrainSdk``: each is checked when it is given and when it is assigned."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

__all__ = ["Options", "base_url", "session_wire_id"]

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_MAX_ID_BYTES: Final = 1024
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_NUMERIC_NAME: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_PLAIN_SCHEME: Final = "http://"
_SECURE_SCHEME: Final = "https://"


def base_url(hostname: str) -> str:
    """Return the URL that ``hostname`` (``host`` or ``host:port``) stands for, without a path.

    Always ``https``, which may be said: ``https://host``, and ``https://host/``. ``http://`` may be
    given for a loopback host only.

    Raises:
        TypeError: ``hostname`` is no string.
        ValueError: it holds anything but a host and a port.
    """
    if not isinstance(hostname, str):
        raise TypeError(f"hostname must be a str, not {type(hostname).__name__}")
    plain = hostname.startswith(_PLAIN_SCHEME)
    authority = hostname
    for scheme in (_PLAIN_SCHEME, _SECURE_SCHEME):
        if hostname.startswith(scheme):
            authority = hostname.removeprefix(scheme).removesuffix("/")
    problem = f"hostname must be 'host' or 'host:port' in ASCII, not {hostname!r}"
    host, _, port = authority.rpartition(":")
    if not host or authority.endswith("]"):
        host, port = authority, "443"
    if not _is_host(host) or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ValueError(problem)
    if plain and not _is_loopback(host):
        raise ValueError(f"hostname may use http:// for a loopback host only, not {hostname!r}")
    return f"{'http' if plain else 'https'}://{authority}"


def _is_host(host: str) -> bool:
    """Tell whether this is a name of DNS, in ASCII, or an address.

    What looks like an IPv4 address must be one as it is usually written: the system's resolver
    also takes ``127.1`` and ``0x7f.1``, and every library reads them in its own way.
    """
    try:
        if host.startswith("[") and host.endswith("]"):
            return ipaddress.IPv6Address(host[1:-1]).scope_id is None
        if _NUMERIC_NAME.fullmatch(host):
            return ipaddress.IPv4Address(host).version == 4
    except ValueError:
        return False
    return _NAME.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def session_wire_id(session_id: int | str | None) -> int | None:
    """Return what the wire carries for a session: a signed 64-bit integer, ``None`` for none.

    An integer goes as it is, ``0`` meaning none; a UUIDv7 as its Unix milliseconds; any other UUID
    as its leading 63 bits.

    Raises:
        ValueError: neither ``None``, a 64-bit integer nor a UUID string.
    """
    if session_id is None:
        return None
    if isinstance(session_id, int) and not isinstance(session_id, bool):
        if _INT64_MIN <= session_id <= _INT64_MAX:
            return session_id or None
    elif isinstance(session_id, str):
        try:
            uuid = UUID(session_id)
        except ValueError:
            pass
        else:
            return (uuid.int >> (80 if uuid.version == 7 else 65)) or None
    raise ValueError(
        f"session_id must be None, a 64-bit integer or a UUID string, not {session_id!r}"
    )


def _hostname(_name: str, value: Any) -> str:
    base_url(value)
    return str(value)


def _api_key(name: str, value: Any) -> str:
    """The value is never quoted in an error."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"{name} must be printable ASCII, without blanks around it, not empty")
    return value


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


def _integer(minimum: int, maximum: int = _INT64_MAX) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be an int, not {value!r}")
        if not minimum <= value <= maximum:
            raise ValueError(f"{name} must be from {minimum} to {maximum}, not {value!r}")
        return value

    return check


def _seconds(*, positive: bool = False, optional: bool = False) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> float | None:
        if value is None and optional:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"{name} must be a number of seconds, not {value!r}")
        if not math.isfinite(value) or value < 0 or (positive and value == 0):
            least = "above 0" if positive else "at least 0"
            raise ValueError(f"{name} must be a finite number of seconds, {least}, not {value!r}")
        return float(value)

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
    "api_key": _api_key,
    "instance_id": _instance_id,
    "session_id": _session_id,
    "flush_buffer_size": _integer(1),
    "flush_interval_ms": _integer(1, 86_400_000),
    "flush_max_retries": _integer(0, 1000),
    "buffer_bytes": _integer(65_536, 1 << 40),
    "overflow": _one_of("drop_new", "drop_old", "block"),
    "block_timeout_ms": _integer(0, 86_400_000),
    "max_in_flight": _integer(1, 10_000),
    "request_timeout": _seconds(positive=True),
    "shutdown_timeout": _seconds(optional=True),
    "exit_timeout": _seconds(),
}


@dataclass
class Options:
    """Checked options; a value that is assigned later is checked as well.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is out of range. The error names option and value, never the API key.
    """

    hostname: str
    api_key: str = field(repr=False)
    instance_id: str
    session_id: int | str | None
    flush_buffer_size: int
    flush_interval_ms: int
    flush_max_retries: int
    buffer_bytes: int
    overflow: str
    block_timeout_ms: int
    max_in_flight: int
    request_timeout: float
    shutdown_timeout: float | None
    exit_timeout: float

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _CHECKS[name](name, value))
