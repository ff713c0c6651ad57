"""The transport of the extra ``[curl]``: libcurl, whose sends hardly ever hold the GIL."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import ssl
import weakref
from collections import deque
from functools import partial
from typing import Any, Final

from ..fork_guard import unguarded
from .base import MAX_ANSWER_BYTES, Request, SendResult, retry_after, timed_out
from .environment import Proxy, origin_of, proxy_for, trusted_certificates
from .native import poll

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
        # this context only tells whether the bundle is any good
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._bundle = trusted_certificates(ca_bundle, context)
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
            try:
                connection = idle.pop()
            except IndexError:
                connection = _Connection(os.fspath(self._bundle), self._bundle.is_dir())
            try:
                return connection.post(request, self._proxies[origin])
            finally:
                idle.append(connection)
                if len(idle) > self._connections:
                    idle.popleft().close()
        except Exception as error:
            return SendResult(error=ConnectionError(f"{type(error).__name__}: {error}"))

    def close(self) -> None:
        """Close the pooled connections; one that is in use ends with its attempt."""
        idle = self._idle.pop(os.getpid(), deque())
        while idle:
            with contextlib.suppress(IndexError):  # another thread was quicker
                idle.pop().close()


class _Connection:
    """One handle of libcurl, for one attempt at a time, and the connection that it keeps."""

    def __init__(self, bundle: str, is_directory: bool) -> None:
        self._answer = _Answer()
        self._socket = -1
        self._poll = poll()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, partial(_watch, self._poll))
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._curl = curl = pycurl.Curl()
        for peer, host, file, directory in (
            (pycurl.SSL_VERIFYPEER, pycurl.SSL_VERIFYHOST, pycurl.CAINFO, pycurl.CAPATH),
            (
                pycurl.PROXY_SSL_VERIFYPEER,
                pycurl.PROXY_SSL_VERIFYHOST,
                pycurl.PROXY_CAINFO,
                pycurl.PROXY_CAPATH,
            ),
        ):
            curl.setopt(peer, 1)
            curl.setopt(host, 2)
            # libcurl has defaults for both, which would be trusted as well
            curl.unsetopt(file if is_directory else directory)
            curl.setopt(directory if is_directory else file, bundle)
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
        try:
            self._perform()
        except pycurl.error as error:
            # a status that has come is all that counts, whatever became of the answer's body
            if not answer.has_status(curl.getinfo(pycurl.RESPONSE_CODE)):
                return _failure(request, *error.args)
        finally:
            # an idle handle keeps neither the body nor the key
            curl.setopt(pycurl.POSTFIELDS, b"")
            curl.unsetopt(pycurl.HTTPHEADER)
        return SendResult(status=curl.getinfo(pycurl.RESPONSE_CODE), retry_after=answer.retry_after)

    def _perform(self) -> None:
        """Do as ``Curl.perform``, which would keep forks waiting while it waits in the network."""
        curl, multi, running = self._curl, self._multi, 1
        ready: list[tuple[int, int]] = []
        multi.add_handle(curl)
        try:
            while running:
                for socket, events in ready or [(pycurl.SOCKET_TIMEOUT, 0)]:
                    _, running = multi.socket_action(socket, _selected(events))
                if running:
                    # without a socket yet, a thread of libcurl's own is resolving the name
                    with unguarded() if self._answer.has_socket else contextlib.nullcontext():
                        ready = self._poll.poll(multi.timeout())
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
        self._retry_after: list[str] = []
        self._body_bytes = 0

    @property
    def retry_after(self) -> float | None:
        return retry_after(", ".join(self._retry_after) or None)

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
            self._retry_after.clear()
        elif not line.strip():
            self._head_is_whole = True
        else:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"retry-after":
                self._retry_after.append(value.decode("latin-1"))

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
