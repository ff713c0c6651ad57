"""The default transport: pooled connections of ``urllib3``."""

from __future__ import annotations

import os

import urllib3
from urllib3.connectionpool import HTTPConnectionPool

from ..process.clock import monotonic
from .base import Request, SendResult, failure, finish, retry_after, timed_out
from .deadline import HttpPool, HttpsPool, attempt
from .doubles import Doubles
from .environment import Trust, origin_of, proxy_for

__all__ = ["HttpsTransport"]


class HttpsTransport:
    """Posts through pooled keep-alive connections, certificates always verified.

    The environment is read once for each host, with the conventions of ``requests``: proxies
    (``HTTPS_PROXY``, ``NO_PROXY``, ...), ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``. A bundle
    that was replaced is read again for the next new connection. A SOCKS proxy is for
    ``CurlTransport`` alone: every attempt that would need one fails, and says so.
    A redirect is an answer like any other and is never followed, so that the API key reaches no
    other host. A forked child makes connections of its own and leaves its parent's alone.

    Args:
        ca_bundle: file or directory of trusted certificates; wins over the environment.
        connections: how many connections to a host are kept open.

    Raises:
        FileNotFoundError: the bundle, given or from the environment, does not exist.
        ValueError: it is a file without a certificate.
    """

    def __init__(
        self, *, ca_bundle: str | os.PathLike[str] | None = None, connections: int = 20
    ) -> None:
        self._connections = connections
        self._trust = Trust(ca_bundle)
        self._doubles = Doubles(os.fspath(self._trust.path))
        # by process, then by origin; no lock, since a fork might copy it while it is held
        self._pools: dict[int, dict[str, HTTPConnectionPool]] = {}

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        return self._doubles.send(request) or self._send(request)

    def _send(self, request: Request) -> SendResult:
        attempt.deadline = deadline = monotonic() + request.timeout
        try:
            origin = origin_of(request.url)
            response = self._pool(origin).urlopen(
                "POST",
                request.url[len(origin) :],
                body=request.body,
                headers=request.headers,
                timeout=request.timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                value = response.headers.get("Retry-After")
                date = None if value is None else response.headers.get("Date")
                return SendResult(response.status, retry_after=retry_after(value, date))
            finally:
                finish(response)
        except Exception as error:
            if monotonic() >= deadline:
                return timed_out(request)
            return SendResult(error=failure(error))

    def close(self) -> None:
        """Close the pooled connections."""
        for pool in self._pools.pop(os.getpid(), {}).values():
            pool.close()
        self._doubles.close()

    def _pool(self, origin: str) -> HTTPConnectionPool:
        pid = os.getpid()
        pools = self._pools.get(pid)
        if pools is None:
            pools = self._pools.setdefault(pid, {})
        pool = pools.get(origin)
        if pool is None:
            pool = pools.setdefault(origin, self._new_pool(origin))
        return pool

    def _new_pool(self, origin: str) -> HTTPConnectionPool:
        proxy = proxy_for(origin)
        if proxy is not None and proxy.url.startswith("socks"):
            raise ValueError(
                f"{proxy.variable} sets a SOCKS proxy, for which the curl transport is needed: "
                "pip install 'paltabrain-fast[curl]', PaltabrainSdk(..., transport='curl')"
            )
        manager = (
            urllib3.PoolManager(maxsize=self._connections)
            if proxy is None
            else urllib3.ProxyManager(
                proxy.url,
                proxy_headers=proxy.headers,
                maxsize=self._connections,
            )
        )
        manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
        pool = manager.connection_from_url(origin)
        if isinstance(pool, HttpsPool):
            pool.conn_kw["contexts"] = self._trust.context
        return pool
