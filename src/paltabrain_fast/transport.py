"""Transports: one attempt to post a body, a result object back; no retries, no exceptions."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import urllib3
from requests.utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    get_environ_proxies,
    select_proxy,
)

from .sdk_pb2 import Batch

__all__ = ["HttpsTransport", "InMemoryTransport", "Request", "SendResult", "Transport"]

_MAX_ANSWER_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to make: what to post, and where.

    Attributes:
        url: absolute URL.
        body: one serialized ``Batch``.
        headers: names and values; the API key is among them, so the repr leaves them out.
        timeout: seconds for connecting, and for each wait for an answer.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float

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


class HttpsTransport:
    """Posts through pooled keep-alive connections, certificates always verified.

    The environment is read once for each host, with the conventions of ``requests``: proxies
    (``HTTPS_PROXY``, ``NO_PROXY``, ...), ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``. A redirect
    is an answer like any other and is never followed, so that the API key reaches no other host.

    Args:
        ca_bundle: file or directory of trusted certificates; wins over the environment.
        connections: how many connections to a host are kept open.

    Raises:
        FileNotFoundError: the bundle, given or from the environment, does not exist.
    """

    def __init__(
        self, *, ca_bundle: str | os.PathLike[str] | None = None, connections: int = 20
    ) -> None:
        environ = os.environ
        bundle = Path(
            ca_bundle
            or environ.get("REQUESTS_CA_BUNDLE")
            or environ.get("CURL_CA_BUNDLE")
            or DEFAULT_CA_BUNDLE_PATH
        )
        if not bundle.exists():
            raise FileNotFoundError(f"CA bundle not found: {bundle}")
        self._options: dict[str, Any] = {
            "maxsize": connections,
            "cert_reqs": "CERT_REQUIRED",
            "ca_cert_dir" if bundle.is_dir() else "ca_certs": str(bundle),
        }
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        try:
            response = self._pool(request.url).request(
                "POST",
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=request.timeout, read=request.timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                retry_after = _retry_after(response.headers.get("Retry-After"))
                status = response.status
                _finish(response)
            finally:
                response.release_conn()
        except Exception as error:
            return SendResult(error=error)
        return SendResult(status=status, retry_after=retry_after)

    def close(self) -> None:
        """Close the pooled connections."""
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        origin = url[: url.index("/", url.index("//") + 2)]
        pool = self._pools.get(origin)
        if pool is None:
            with self._lock:
                pool = self._pools.get(origin) or self._new_pool(origin)
                self._pools[origin] = pool
        return pool

    def _new_pool(self, origin: str) -> urllib3.PoolManager:
        proxy = select_proxy(origin, get_environ_proxies(origin))
        # plain HTTP is for loopback only: through a proxy the API key would leave the machine
        if not proxy or origin.startswith("http:"):
            return urllib3.PoolManager(**self._options)
        if "://" not in proxy:
            proxy = f"http://{proxy}"
        user, password = get_auth_from_url(proxy)
        headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
        bare = urlsplit(proxy)._replace(netloc=urlsplit(proxy).netloc.rpartition("@")[2]).geturl()
        return urllib3.ProxyManager(bare, proxy_headers=headers, **self._options)


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """Read what is left of an answer, so that its connection can be used again; not without end."""
    try:
        response.read(_MAX_ANSWER_BYTES)
        whole = not response.read(1)
    except Exception:  # the status has come, which is all that counts
        whole = False
    if not whole:
        response.close()


def _retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110, 10.2.3); garbage is as if it were absent."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


class InMemoryTransport:
    """Keeps every request instead of sending it; for tests.

    Args:
        answer: called with each request, returns its result; every request succeeds without it.
    """

    def __init__(self, answer: Callable[[Request], SendResult] | None = None) -> None:
        self.requests: list[Request] = []
        self._answer = answer

    @property
    def batches(self) -> list[Batch]:
        """The body of every request so far, in their order, as ``Batch`` messages."""
        return [Batch.FromString(request.body) for request in self.requests]

    def send(self, request: Request) -> SendResult:
        """Keep the request and answer it."""
        self.requests.append(request)
        return self._answer(request) if self._answer else SendResult(status=200)

    def close(self) -> None:
        """Do nothing: there are no connections."""
