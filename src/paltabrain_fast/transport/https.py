"""The default transport: pooled connections of ``urllib3``."""

from __future__ import annotations

import os
from typing import cast

import urllib3

from ..process.clock import monotonic
from .base import Request, SendResult, retry_after, words_of
from .deadline import HttpPool, HttpsPool, attempts
from .environment import Proxy, ProxyUnusableError, Trust, proxy_for
from .exchange import Answer, exchange
from .faults import Peer, failure, timed_out
from .mocks import MockedRequests, mocks
from .per_process import PerProcess
from .urls import origin_of

__all__ = ["HttpsTransport", "make_pool"]


class HttpsTransport:
    """Posts through pooled keep-alive connections, certificates always verified.

    The environment is read once for each host, with the conventions of ``requests``: proxies
    (``HTTPS_PROXY``, ``NO_PROXY``, ...), ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``. A bundle
    that was replaced is read again for the next new connection. Only ``CurlTransport`` knows SOCKS:
    where a SOCKS proxy is set, every attempt fails and says so.
    A redirect is an answer like any other and is never followed, so that the API key reaches no
    other host.

    Any thread may call any method. A forked child makes connections of its own, reads bundle and
    proxies anew, and leaves its parent's connections alone. If the bundle is gone by then, the
    error is the result of each attempt of the child, until the bundle is back.

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
        self._mocked = MockedRequests(os.fspath(self._trust.path))
        self._pools: PerProcess[dict[str, HttpPool | HttpsPool]] = PerProcess(dict)  # by origin
        self._proxies: PerProcess[dict[str, Proxy | None]] = PerProcess(dict)  # by origin

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        if (state := mocks()) is not None:
            return self._mocked.send(request, state)
        origin = ""
        attempt = attempts.current
        outer = attempt.begin(request.timeout)
        deadline = attempt.deadline
        try:
            origin = origin_of(request.url)
            status, headers, body, _ = self._exchange(self._pool(origin), origin, request)
            if 200 <= status < 300 and "retry-after" not in headers:
                return SendResult(status)
            reason = words_of(status, headers.get("location"), body, request)
            delay = retry_after(headers.get("retry-after"), headers.get("date"))
            return SendResult(status, None, delay, reason)
        except Exception as error:
            proxy = self._proxies.get().get(origin)
            peer = Peer(request, os.fspath(self._trust.path), proxy)
            if monotonic() >= deadline:
                return timed_out(request, peer)
            return SendResult(error=failure(error, peer))
        finally:
            attempt.end(outer)

    def _exchange(self, pool: HttpPool | HttpsPool, origin: str, request: Request) -> Answer:
        connection = pool.take()
        is_last = True
        try:
            path = request.url[len(origin) :]
            answer = exchange(connection.sock, pool.authority, path, request)
            is_last = answer.is_last
            return answer
        finally:
            if is_last:
                connection.close()
            else:
                pool.put(connection)

    def warm_up(self) -> None:
        """Read the certificates now; there is no connection before the first attempt.

        Raises:
            FileNotFoundError: the bundle does not exist any more.
            ValueError: it is a file without a certificate.
        """
        self._trust.certificates()

    def close(self) -> None:
        """Close the pooled connections of this process."""
        pools = self._pools.pop() or {}
        for pool in list(pools.values()):  # a sender may add one meanwhile
            pool.close()
        self._mocked.close()

    def _pool(self, origin: str) -> HttpPool | HttpsPool:
        pools = self._pools.get()
        pool = pools.get(origin)
        return pools.setdefault(origin, self._new_pool(origin)) if pool is None else pool

    def _new_pool(self, origin: str) -> HttpPool | HttpsPool:
        proxy = self._proxies.get()[origin] = proxy_for(origin)
        return make_pool(origin, proxy, self._trust, self._connections)


def make_pool(
    origin: str, proxy: Proxy | None, trust: Trust, connections: int
) -> HttpPool | HttpsPool:
    """Make the connections to a host; none is there yet.

    Args:
        origin: scheme, host and port.
        proxy: to go through, as ``proxy_for()`` finds it.
        trust: the certificates to trust.
        connections: how many are kept open.

    Raises:
        ProxyUnusableError: it is a SOCKS proxy.
    """
    if proxy is not None and proxy.url.startswith("socks"):
        raise ProxyUnusableError(
            f"{proxy.variable} sets a SOCKS proxy, for which the curl transport is needed: "
            "pip install 'paltabrain-fast[curl]', PaltabrainSdk(..., transport='curl')"
        )
    manager = (
        urllib3.PoolManager(maxsize=connections)
        if proxy is None
        else urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, maxsize=connections)
    )
    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    pool = cast(HttpPool | HttpsPool, manager.connection_from_url(origin))
    if isinstance(pool, HttpsPool):
        pool.conn_kw["make_context"] = trust.context
    return pool
