"""What all transports share: requests, results, and how answers are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from typing import Any, Final, Protocol, runtime_checkable

from ..process.clock import real_time_ns
from ..process.masking import masked
from ..records import record
from .headers import Headers

__all__ = [
    "MAX_ANSWER_BYTES",
    "Request",
    "SendResult",
    "Transport",
    "finish",
    "retry_after",
    "words_of",
]

MAX_ANSWER_BYTES: Final = 65_536
_MAX_TEXT: Final = 200
_MAX_BODY_BYTES: Final = 4096
_HTML: Final = r"(?is)<(style|script|title)\b.*?</\1>|<[^>]*>"
"""What a page has beside its words; compiled when the first one comes."""


@record()
class Request:
    """What one attempt is to post, and where.

    Attributes:
        url: absolute URL.
        body: one serialized ``Batch``.
        headers: names and values. The API key is one of them, so the repr leaves them out.
            ``Headers`` are not checked again.
        timeout: seconds for the whole attempt: to connect, to send, to read the answer.

    Raises:
        ValueError: a header is not printable ASCII; its value is never quoted.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float

    def __post_init__(self) -> None:
        if type(self.headers) is not Headers:
            Headers(self.headers)

    def __repr__(self) -> str:
        return f"Request(url={self.url!r}, body=<{len(self.body)} bytes>, timeout={self.timeout!r})"


@record()
class SendResult:
    """The result of one attempt: a status, or the error in its place.

    Attributes:
        status: HTTP status of the answer; ``None`` if there was no answer.
        error: why there was no answer.
        retry_after: seconds that the answer asks to wait; ``None`` if it does not ask.
        reason: of a refusal, the server's own words: the beginning of its body, or of the text
            ``error`` if that is a JSON object, without the API key; of a redirect, where it leads.
            ``None`` if there are none.
    """

    status: int | None = None
    error: Exception | None = None
    retry_after: float | None = None
    reason: str | None = None


@runtime_checkable
class Transport(Protocol):
    """What ``PaltabrainSdk(transport=...)`` accepts.

    The SDK's threads call ``send()``, several at a time. Forked children use the same object. If it
    has a method ``after_fork()``, each child calls that once, before anything else. If it has a
    method ``warm_up()``, that of the SDK calls it.
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
    from email.utils import parsedate_to_datetime  # here, as few answers have a date to read

    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def finish(response: Any) -> bytes:
    """Read the rest of an answer, up to a limit, so that its connection can be used again.

    Args:
        response: an answer of ``urllib3``.

    Returns:
        What there was of the body; nothing if it broke off.
    """
    body = b""
    try:
        body = response.read(MAX_ANSWER_BYTES)
        whole = not response.read(1)
    except Exception:  # only the status counts, and that is known
        whole = False
    if not whole:
        response.close()
    response.release_conn()
    return body


def words_of(status: int, location: str | None, body: bytes, request: Request) -> str | None:
    """Return what a server has to say of its refusal, for ``SendResult.reason``.

    Args:
        status: HTTP status of the answer.
        location: the header ``Location``, which counts for a redirect.
        body: the beginning of the answer's body.
        request: whose API key the words must not repeat.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        text = location or ""
    else:
        text = body[:_MAX_BODY_BYTES].decode(errors="replace")
    secret = request.headers.get("X-API-Key", "")
    if len(body) > _MAX_BODY_BYTES:  # which may have cut the key in two
        text = text[: -len(secret) or None]
    text = masked(_error_in(masked(text, secret)), secret)  # in JSON, the key may be escaped
    if text.lstrip().lower().startswith(("<!doctype html", "<html")):
        text = re.sub(_HTML, " ", text)
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.split())[:_MAX_TEXT].rstrip() or None


def _error_in(text: str) -> str:
    """Return the text ``error`` of a JSON object; any other text as it is."""
    import json  # here, as few answers are refusals

    with suppress(ValueError, RecursionError):
        document = json.loads(text, strict=False)
        if isinstance(document, dict) and isinstance(document.get("error"), str):
            return str(document["error"])
    return text
