"""What may stand in an HTTP header, and therefore in an API key."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["checked_api_key", "is_header"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def is_header(name: str, value: str) -> bool:
    """Tell whether these are name and value of a header: printable ASCII, no blanks around it.

    RFC 9110 (5.1, 5.5) allows more in a value, but libraries disagree on the rest.
    """
    return bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value))


def checked_api_key(name: str, value: object) -> str:
    """Return an API key as it is sent: without the blanks after it, which no server sees.

    Args:
        name: what an error calls the key.
        value: the key; ``bytes`` are taken as Latin-1, as ``requests`` sends them.

    Raises:
        TypeError: the key is neither ``str`` nor ``bytes``.
        ValueError: the key cannot be the value of a header. The error does not quote it.
    """
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    key = value.rstrip(" \t")
    if not _VALUE.fullmatch(key):
        raise ValueError(f"{name} must be printable ASCII, without blanks before it, not empty")
    return key
