"""What may stand in an HTTP header, and therefore in an API key; headers that are checked once."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["Headers", "checked_api_key", "is_header", "lines_of"]

_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")


def is_header(name: str, value: str) -> bool:
    """Tell whether these are name and value of a header: printable ASCII, no blanks around it.

    RFC 9110 (5.1, 5.5) allows more in a value, but libraries disagree on the rest.
    """
    return bool(name) and _NAME_CHARACTERS.issuperset(name) and _is_value(value)


def _is_value(value: str) -> bool:
    return value.isascii() and value.isprintable() and bool(value) and value == value.strip(" ")


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
    if not _is_value(key):
        raise ValueError(f"{name} must be printable ASCII, without blanks before it, not empty")
    return key


class Headers(Mapping[str, str]):
    """Names and values that were checked when this was made, for as many requests as one likes.

    Immutable; any thread may use it.

    Args:
        values: values by name.

    Attributes:
        lines: the headers as they are sent, each with its ``CRLF``.
        names: their names in lower case, without those of ``with_number()``.

    Raises:
        ValueError: a header is not printable ASCII; its value is never quoted.
    """

    __slots__ = ("_values", "lines", "names")

    lines: bytes
    names: frozenset[str]
    _values: dict[str, str]

    def __init__(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if not is_header(name, value):
                raise ValueError(f"header {name!r} must be printable ASCII, without blanks around")
        self._values = dict(values)
        self.names = frozenset(name.lower() for name in values)
        self.lines = "".join(f"{name}: {value}\r\n" for name, value in values.items()).encode()

    def with_number(self, name: str, number: int) -> Headers:
        """Return these headers and one more, which differs from request to request.

        Args:
            name: its name, which is not checked, and not among those that there are.
            number: its value.
        """
        new = Headers.__new__(Headers)
        text = str(number)
        new._values = self._values | {name: text}
        new.names = self.names
        new.lines = self.lines + f"{name}: {text}\r\n".encode()
        return new

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._values)})"  # the API key is one of the values


def lines_of(headers: Mapping[str, str]) -> list[str]:
    """Return headers as lines without their ends."""
    checked = headers if type(headers) is Headers else Headers(headers)
    return checked.lines.decode().splitlines()
