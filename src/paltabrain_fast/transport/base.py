"""What every transport has in common: requests, results, and what is read from answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, runtime_checkable

from ..process.clock import real_time_ns

__all__ = [
    "MAX_ANSWER_BYTES",
    "Request",
    "SendResult",
    "Transport",
    "failure",
    "finish",
    "retry_after",
    "timed_out",
]

MAX_ANSWER_BYTES: Final = 65_536
_MAX_TEXT: Final = 200
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to make: what to post, and where.

    Attributes:
        url: absolute URL.
        body: one serialized ``Batch``.
        headers: names and values; the API key is among them, so the repr leaves them out.
        timeout: seconds for the whole attempt: to connect, to send, to read the answer.

    Raises:
        ValueError: a header is not printable ASCII; its value is never quoted.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                raise ValueError(f"header {name!r} must be printable ASCII, without blanks around")

    def __repr__(self) -> str:
        return f"Request(url={self.url!r}, body=<{len(self.body)} bytes>, timeout={self.timeout!r})"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one attempt: a status, or the error in place of one.

    Attributes:
        status: HTTP status of the answer, ``None`` if there was no answer.
        error: why there was none.
        retry_after: seconds that the answer asks to wait, ``None`` if it does not say.
    """

    status: int | None = None
    error: Exception | None = None
    retry_after: float | None = None


@runtime_checkable
class Transport(Protocol):
    """What ``PaltabrainSdk(transport=...)`` accepts. Both methods are called from many threads."""

    def send(self, request: Request) -> SendResult:
        """Make one attempt. An exception that escapes counts as ``SendResult(error=...)``."""

    def close(self) -> None:
        """Give back connections; an attempt that is under way may fail."""


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110, 10.2.3); garbage is as if it were absent.

    Args:
        value: seconds or a date.
        date: the answer's own ``Date``, from which a date counts: our clock may be another one.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    when = _timestamp(text)
    if when is None:
        return None
    now = _timestamp(date or "")
    return max(0.0, when - (real_time_ns() / 1e9 if now is None else now))


def _timestamp(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def failure(error: Exception) -> ConnectionError:
    """Return what went wrong as an error of its own, in one line.

    The text alone: the frames of the original hold headers and body.
    """
    while len(error.args) > 1 and isinstance(error.args[-1], Exception):
        error = error.args[-1]  # urllib3 has it beside words that say less
    text = str(error).strip()
    if not text.isprintable():  # a server's own
        text = ascii(text)[1:-1]
    return ConnectionError(f"{type(error).__name__}: {text}"[:_MAX_TEXT])


def timed_out(request: Request) -> SendResult:
    """Return the result of an attempt that took its whole time."""
    return SendResult(error=TimeoutError(f"the attempt timed out after {request.timeout:g} s"))


def finish(response: Any) -> None:
    """Read what is left of an answer, so that its connection can be used again; not without end.

    Args:
        response: as ``urllib3`` has it.
    """
    try:
        response.read(MAX_ANSWER_BYTES)
        whole = not response.read(1)
    except Exception:  # the status has come, which is all that counts
        whole = False
    if not whole:
        response.close()
    response.release_conn()
