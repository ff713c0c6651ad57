"""What all transports share: requests, results, and how answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, runtime_checkable

from ..process.clock import real_time_ns
from .headers import is_header

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


@dataclass(frozen=True, slots=True)
class Request:
    """What one attempt is to post, and where.

    Attributes:
        url: absolute URL.
        body: one serialized ``Batch``.
        headers: names and values. The API key is one of them, so the repr leaves them out.
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
            if not is_header(name, value):
                raise ValueError(f"header {name!r} must be printable ASCII, without blanks around")

    def __repr__(self) -> str:
        return f"Request(url={self.url!r}, body=<{len(self.body)} bytes>, timeout={self.timeout!r})"


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one attempt: a status, or the error in its place.

    Attributes:
        status: HTTP status of the answer; ``None`` if there was no answer.
        error: why there was no answer.
        retry_after: seconds that the answer asks to wait; ``None`` if it does not ask.
    """

    status: int | None = None
    error: Exception | None = None
    retry_after: float | None = None


@runtime_checkable
class Transport(Protocol):
    """What ``PaltabrainSdk(transport=...)`` accepts.

    The SDK's threads call ``send()``, several at a time. Forked children use the same object. If it
    has a method ``after_fork()``, each child calls that once, before anything else.
    """

    def send(self, request: Request) -> SendResult:
        """Make one attempt. If it raises, the exception counts as ``SendResult(error=...)``."""

    def close(self) -> None:
        """Close the connections. An attempt that is under way may fail.

        The SDK calls this for a transport that it has made, and never for one that it was given.
        """


def retry_after(value: str | None, date: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, 10.2.3); ``None`` for garbage.

    Args:
        value: the header: seconds or a date; ``None`` if there is none.
        date: the answer's ``Date``. A date counts from there, since clocks may differ.
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
    """Return a new error with the text of another, in one line.

    The other one is not kept: its frames hold headers and body.
    """
    while len(error.args) > 1 and isinstance(error.args[-1], Exception):
        error = error.args[-1]  # urllib3 puts the cause beside words that say less
    text = str(error).strip()
    if not text.isprintable():  # the text may be a server's
        text = ascii(text)[1:-1]
    return ConnectionError(f"{type(error).__name__}: {text}"[:_MAX_TEXT])


def timed_out(request: Request) -> SendResult:
    """Return the result of an attempt that has used up its time."""
    return SendResult(error=TimeoutError(f"the attempt timed out after {request.timeout:g} s"))


def finish(response: Any) -> None:
    """Read the rest of an answer, up to a limit, so that its connection can be used again.

    Args:
        response: an answer of ``urllib3``.
    """
    try:
        response.read(MAX_ANSWER_BYTES)
        whole = not response.read(1)
    except Exception:  # only the status counts, and that is known
        whole = False
    if not whole:
        response.close()
    response.release_conn()
