"""The transport of the extra ``[curl]``: libcurl, whose sends hardly ever hold the GIL."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import weakref
from collections import deque
from functools import partial
from typing import Any, Final

from ..process.fork_barrier import unguarded
from .base import MAX_ANSWER_BYTES, Request, SendResult, failure, retry_after, timed_out
from .environment import Proxy, Trust, origin_of, proxy_for
from .unpatched import MAX_WAIT_SECONDS, poll

try:
    import pycurl
except ImportError as error:
    raise ImportError(
        "the curl transport needs pycurl: pip install 'paltabrain-fast[curl]'"
    ) from error

__all__ = ["CurlTransport"]

_MAX_MILLISECONDS: Final = 2**31 - 1


class CurlTransport:
    """Posts through pooled keep-alive connections of libcurl, certificates always verified.

    It reads the environment, treats redirects and forks as ``HttpsTransport`` does, and runs
    without the GIL but for moments, so that the threads that track events wait less for those that
    send.

    Args:
        ca_bundle: file or directory of trusted certificates; wins over the environment.
        connections: how many connections are kept open.

    Raises:
        FileNotFoundError: the bundle, given or from the environment, does not exist.
        ValueError: it is a file without a certificate.
    """

    def __init__(
        self, *, ca_bundle: str | os.PathLike[str] | None = None, connections: int = 20
    ) -> None:
        self._trust = Trust(ca_bundle)  # whose contexts only tell whether a bundle is any good
        self._bundle = _Bundle(self._trust)
        self._connections = connections
        self._proxies: dict[str, Proxy | None] = {}
        # by process; no lock, since a fork might copy it while it is held
        self._idle: dict[int, deque[_Connection]] = {}
        weakref.finalize(self, _leave_alone, self._idle)

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        try:
            origin = origin_of(request.url)
            if origin not in self._proxies:
                self._proxies[origin] = proxy_for(origin)
            pid = os.getpid()
            idle = self._idle.get(pid)
            if idle is None:
                idle = self._idle.setdefault(pid, deque())
            self._trust.refresh()
            if self._bundle.version != self._trust.version:
                self._bundle = _Bundle(self._trust)
            connection = self._connection(idle)
            try:
                return connection.post(request, self._proxies[origin])
            finally:
                idle.append(connection)
                if len(idle) > self._connections:
                    idle.popleft().close()
        except Exception as error:
            return SendResult(error=failure(error))

    def _connection(self, idle: deque[_Connection]) -> _Connection:
        """Take one that is idle, unless its certificates are old ones, or make one."""
        try:
            while (connection := idle.pop()).version != self._bundle.version:
                connection.close()
        except IndexError:
            return _Connection(self._bundle, is_current=self._trust.is_current)
        return connection

    def close(self) -> None:
        """Close the pooled connections; one that is in use ends with its attempt."""
        idle = self._idle.pop(os.getpid(), deque())
        while idle:
            with contextlib.suppress(IndexError):  # another thread was quicker
                idle.pop().close()


class _Bundle:
    """The certificates to trust; those of a file in memory as well, should it be spoilt."""

    def __init__(self, trust: Trust) -> None:
        self.version = trust.version
        self.path = os.fspath(trust.path)
        self.content = None if trust.path.is_dir() else trust.path.read_bytes()


class _Connection:
    """One handle of libcurl, for one attempt at a time, and the connection that it keeps."""

    def __init__(self, bundle: _Bundle, *, is_current: bool) -> None:
        self.version = bundle.version
        self._answer = _Answer()
        self._socket = -1
        self._poll = poll()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, partial(_watch, self._poll))
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._curl = curl = pycurl.Curl()
        for peer, host, file, directory, content in (
            (
                pycurl.SSL_VERIFYPEER,
                pycurl.SSL_VERIFYHOST,
                pycurl.CAINFO,
                pycurl.CAPATH,
                pycurl.CAINFO_BLOB,
            ),
            (
                pycurl.PROXY_SSL_VERIFYPEER,
                pycurl.PROXY_SSL_VERIFYHOST,
                pycurl.PROXY_CAINFO,
                pycurl.PROXY_CAPATH,
                pycurl.PROXY_CAINFO_BLOB,
            ),
        ):
            curl.setopt(peer, 1)
            curl.setopt(host, 2)
            # libcurl has defaults for both, which would be trusted as well
            curl.unsetopt(directory if bundle.content else file)
            curl.setopt(file if bundle.content else directory, bundle.path)
            if bundle.content and not is_current:
                curl.setopt(content, bundle.content)
        curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)  # at least
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "")  # the environment is read by us, and only once
        curl.setopt(pycurl.SOCKOPTFUNCTION, self._answer.connect)
        curl.setopt(pycurl.PREREQFUNCTION, self._answer.prepare)
        curl.setopt(pycurl.HEADERFUNCTION, self._answer.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._answer.take_body)

    def post(self, request: Request, proxy: Proxy | None) -> SendResult:
        """Make one attempt."""
        curl, answer = self._curl, self._answer
        answer.clear()
        milliseconds = min(max(1, round(request.timeout * 1000)), _MAX_MILLISECONDS)
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.PROXY, proxy.url if proxy else "")
        for option, value in (
            (pycurl.PROXYUSERNAME, proxy and proxy.user),
            (pycurl.PROXYPASSWORD, proxy and proxy.password),
        ):
            if value:
                curl.setopt(option, value.encode())
            else:
                curl.unsetopt(option)
        # "Expect" would cost a round trip
        headers = [f"{name}: {value}" for name, value in request.headers.items()]
        curl.setopt(pycurl.HTTPHEADER, [*headers, "Expect:"])
        curl.setopt(pycurl.POSTFIELDS, request.body)
        curl.setopt(pycurl.FRESH_CONNECT, self._is_cut())
        curl.setopt(pycurl.TIMEOUT_MS, milliseconds)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, milliseconds)
        failed: tuple[Any, ...] = (pycurl.E_GOT_NOTHING, "the answer broke off within its head")
        try:
            self._perform()
        except pycurl.error as error:
            failed = error.args
        finally:
            # an idle handle keeps neither the body nor the key
            curl.setopt(pycurl.POSTFIELDS, b"")
            curl.unsetopt(pycurl.HTTPHEADER)
        # a status that has come is all that counts, whatever became of the answer's body
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        if not answer.has_status(status):
            return _failure(request, *failed)
        return SendResult(status=status, retry_after=answer.retry_after)

    def _perform(self) -> None:
        """Do as ``Curl.perform``, which would keep forks waiting while it waits in the network."""
        curl, multi, running = self._curl, self._multi, 1
        most = round(MAX_WAIT_SECONDS * 1000)
        ready: list[tuple[int, int]] = []
        multi.add_handle(curl)
        try:
            while running:
                for socket, events in ready or [(pycurl.SOCKET_TIMEOUT, 0)]:
                    _, running = multi.socket_action(socket, _selected(events))
                if running:
                    # without a socket yet, a thread of libcurl's own is resolving the name
                    with unguarded() if self._answer.has_socket else contextlib.nullcontext():
                        left = multi.timeout()  # -1 for no limit
                        ready = self._poll.poll(left if 0 <= left < most else most)
            for _, code, message in multi.info_read()[2]:
                raise pycurl.error(code, message)
        finally:
            self._socket = curl.getinfo(pycurl.ACTIVESOCKET)
            multi.remove_handle(curl)

    def _is_cut(self) -> bool:
        """Tell whether the server has closed the idle connection; libcurl looks but seldom."""
        if self._socket < 0:
            return False
        waiting = poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        self._curl.close()
        self._multi.close()


def _watch(waiting: Any, what: int, socket: int, *_multi_and_data: object) -> None:
    """Learn from libcurl what to wait for."""
    if what == pycurl.POLL_REMOVE:
        waiting.unregister(socket)
    else:
        reads, writes = what & pycurl.POLL_IN, what & pycurl.POLL_OUT
        waiting.register(
            socket, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
        )


def _selected(events: int) -> int:
    """What a poll has found, as libcurl has it; it finds out about errors itself."""
    reads, writes = events & ~select.POLLOUT, events & select.POLLOUT
    return (pycurl.CSELECT_IN if reads else 0) | (pycurl.CSELECT_OUT if writes else 0)


def _failure(request: Request, code: int, message: str) -> SendResult:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return timed_out(request)
    if code == pycurl.E_ABORTED_BY_CALLBACK:
        message = "the connection was closed before an answer"
    return SendResult(error=ConnectionError(f"{message} (libcurl error {code})"))


class _Answer:
    """Takes what libcurl reads in one attempt."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.has_socket = False
        self._requests = 0
        self._head_is_whole = False
        self._headers: dict[bytes, list[bytes]] = {}
        self._body_bytes = 0

    @property
    def retry_after(self) -> float | None:
        value = self._header(b"retry-after")
        return None if value is None else retry_after(value, self._header(b"date"))

    def _header(self, name: bytes) -> str | None:
        values = self._headers.get(name)
        return None if values is None else b", ".join(values).decode("latin-1")

    def has_status(self, status: int) -> bool:
        return status >= 200 and self._head_is_whole

    def connect(self, *_socket_and_purpose: object) -> int:
        self.has_socket = True
        return pycurl.SOCKOPT_OK

    def prepare(self, *_addresses: object) -> int:
        """Allow one request: libcurl would repeat one whose kept-alive connection is cut."""
        self.has_socket = True
        self._requests += 1
        return pycurl.PREREQFUNC_OK if self._requests == 1 else pycurl.PREREQFUNC_ABORT

    def take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):  # a proxy's answer or an interim one may have come before
            self._head_is_whole = False
            self._headers.clear()
        elif not line.strip():
            self._head_is_whole = True
        else:
            name, _, value = line.partition(b":")
            name = name.strip().lower()
            if name in (b"retry-after", b"date"):
                self._headers.setdefault(name, []).append(value.strip())

    def take_body(self, data: bytes) -> int:
        self._body_bytes += len(data)
        return len(data) if self._body_bytes <= MAX_ANSWER_BYTES else -1


def _leave_alone(idle: dict[int, deque[_Connection]]) -> None:
    """Before handles are freed: let none be that is a parent's, not even as the child ends.

    It would close the parent's TLS session, and wait for threads of libcurl's that only it has.
    """
    for pid, connections in idle.items():
        if pid != os.getpid():
            for connection in connections:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
