"""The transport of the extra ``[curl]``: libcurl, which sends almost without the GIL."""

from __future__ import annotations

import contextlib
import os
import re
import select
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from ..errors import AttemptFailedError, Diagnosis
from ..process.fork_barrier import call_allowing_forks
from .base import MAX_ANSWER_BYTES, Request, SendResult, retry_after, words_of
from .environment import Certificates, Proxy, Trust, proxy_for
from .faults import Peer, failure, timed_out
from .headers import lines_of
from .per_process import PerProcess
from .unpatched import MAX_WAIT_SECONDS, poll
from .urls import origin_of

try:
    import pycurl
except ImportError as error:
    raise ImportError(
        "the curl transport needs pycurl: pip install 'paltabrain-fast[curl]'"
    ) from error

__all__ = ["CurlTransport"]

_MAX_MILLISECONDS: Final = 2**31 - 1
_MAX_KEPT_BYTES: Final = 4096
"""Of an answer's body, this much is kept at least, to tell what a refusal says."""

_PROXY_ERROR: Final = 97  # CURLE_PROXY, which pycurl does not name
_PROXY_CODES: Final = (pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_COULDNT_CONNECT, _PROXY_ERROR)
_TLS_CODES: Final = (
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CACERT_BADFILE,
)
_VERIFY_RESULT: Final = re.compile(r"^SSL certificate OpenSSL verify result: | \(\d+\)$")


class CurlTransport:
    """Posts through pooled keep-alive connections of libcurl, certificates always verified.

    It treats environment, redirects and forks as ``HttpsTransport`` does. Its threads hold the GIL
    for moments only, so that those that track events wait less.

    Any thread may call any method.

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
        # libcurl reads the bundle by itself; the contexts of Trust show that it is a good one
        self._trust = Trust(ca_bundle, keep_content=True)
        self._bundle = os.fspath(self._trust.path)
        self._pool = PerProcess(partial(_Pool, self._bundle, connections))

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        try:
            return self._pool.get().post(request, self._trust.certificates())
        except Exception as error:
            return SendResult(error=failure(error, Peer(request, self._bundle)))

    def warm_up(self) -> None:
        """Read the certificates now; see ``HttpsTransport.warm_up``."""
        self._trust.certificates()

    def close(self) -> None:
        """Close the idle connections of this process; one in use ends with its attempt."""
        if (pool := self._pool.pop()) is not None:
            pool.close()


class _Pool:
    """The idle connections and the proxies of one process; any thread may call any method.

    There is no lock, since a fork could copy it while it is held.
    """

    def __init__(self, bundle: str, capacity: int) -> None:
        self._bundle = bundle
        self._capacity = capacity
        self._process = os.getpid()
        self._proxies: dict[str, Proxy | None] = {}  # by origin
        self._idle: deque[_Connection] = deque()

    def post(self, request: Request, certificates: Certificates) -> SendResult:
        """Make one attempt, on an idle connection if there is one."""
        origin = origin_of(request.url)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        connection = self._take(certificates)
        try:
            return connection.post(request, self._proxies[origin])
        finally:
            self._idle.append(connection)
            # a child that was forked within the attempt closes nothing of its parent's
            if len(self._idle) > self._capacity and self._process == os.getpid():
                self._idle.popleft().close()

    def _take(self, certificates: Certificates) -> _Connection:
        """Take an idle connection that trusts these certificates, or make one."""
        try:
            while (connection := self._idle.pop()).certificates is not certificates:
                connection.close()
        except IndexError:
            return _Connection(self._bundle, certificates)
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        with contextlib.suppress(IndexError):  # another thread may take one meanwhile
            while True:
                self._idle.pop().close()


class _Connection:
    """One handle of libcurl and the connection that it keeps; for one thread at a time."""

    def __init__(self, bundle: str, certificates: Certificates) -> None:
        self.certificates = certificates
        self._bundle = bundle
        self._process = os.getpid()
        self._answer = _Answer()
        self._way: tuple[Any, ...] = ()
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
            # libcurl would also trust its default for the other one
            is_file = certificates.content is not None
            curl.unsetopt(directory if is_file else file)
            curl.setopt(file if is_file else directory, bundle)
            if is_file and not certificates.is_current:
                curl.setopt(content, certificates.content)
        curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)  # at least
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "")  # proxy_for() has read the environment
        curl.setopt(pycurl.SOCKOPTFUNCTION, self._answer.connect)
        curl.setopt(pycurl.PREREQFUNCTION, self._answer.prepare)
        curl.setopt(pycurl.HEADERFUNCTION, self._answer.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._answer.take_body)

    def post(self, request: Request, proxy: Proxy | None) -> SendResult:
        """Make one attempt."""
        curl, answer = self._curl, self._answer
        answer.clear()
        milliseconds = min(max(1, round(request.timeout * 1000)), _MAX_MILLISECONDS)
        way = request.url, proxy, milliseconds
        if way != self._way:
            self._way = ()  # until all of it is set
            self._set_way(*way)
            self._way = way
        # libcurl would send "Expect" and wait a round trip for the answer 100
        curl.setopt(pycurl.HTTPHEADER, [*lines_of(request.headers), "Expect:"])
        curl.setopt(pycurl.POSTFIELDS, request.body)
        curl.setopt(pycurl.FRESH_CONNECT, self._is_cut())
        failed: tuple[Any, ...] = (pycurl.E_GOT_NOTHING, "the answer broke off within its head")
        try:
            self._perform()
        except pycurl.error as error:
            failed = error.args
        finally:
            # an idle handle keeps neither the body nor the key
            curl.setopt(pycurl.POSTFIELDS, b"")
            curl.unsetopt(pycurl.HTTPHEADER)
        # once the status is there, it does not matter what becomes of the answer's body
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        if not answer.has_status(status):
            return self._failure(request, proxy, *failed)
        reason = words_of(status, answer.location, bytes(answer.body), request)
        return SendResult(status, None, answer.retry_after, reason)

    def _set_way(self, url: str, proxy: Proxy | None, milliseconds: int) -> None:
        """Set what seldom differs between two requests."""
        curl = self._curl
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.PROXY, proxy.url if proxy else "")
        for option, value in (
            (pycurl.PROXYUSERNAME, proxy and proxy.user),
            (pycurl.PROXYPASSWORD, proxy and proxy.password),
        ):
            if value:
                curl.setopt(option, value.encode())
            else:
                curl.unsetopt(option)
        curl.setopt(pycurl.TIMEOUT_MS, milliseconds)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, milliseconds)

    def _perform(self) -> None:
        """Do what ``Curl.perform()`` does, but let forks happen during the waits.

        Raises:
            pycurl.error: the attempt has failed.
            ConnectionError: this is a child that was forked within the attempt.
        """
        self._check_process()
        curl, multi, running = self._curl, self._multi, 1
        most = round(MAX_WAIT_SECONDS * 1000)
        ready: list[tuple[int, int]] = []
        multi.add_handle(curl)
        try:
            while running:
                for socket, events in ready or [(pycurl.SOCKET_TIMEOUT, 0)]:
                    _, running = multi.socket_action(socket, _selected(events))
                if running:
                    left = multi.timeout()  # -1 for no limit
                    wait = left if 0 <= left < most else most
                    # until there is a socket, a thread of libcurl resolves the name
                    if self._answer.has_socket:
                        ready = call_allowing_forks(self._poll.poll, wait)
                    else:
                        ready = self._poll.poll(wait)
                    self._check_process()
            for _, code, message in multi.info_read()[2]:
                raise pycurl.error(code, message)
        finally:
            if self._process == os.getpid():  # libcurl might close the parent's TLS session
                self._socket = curl.getinfo(pycurl.ACTIVESOCKET)
                multi.remove_handle(curl)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConnectionError("the process was forked within the attempt")

    def _failure(
        self, request: Request, proxy: Proxy | None, code: int, message: str
    ) -> SendResult:
        peer = Peer(request, self._bundle, proxy)
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return timed_out(request, peer)
        if code == pycurl.E_ABORTED_BY_CALLBACK:
            message = "the connection was closed before an answer"
        diagnosis = _diagnose(self._curl, peer, proxy, code, message)
        text = f"{message} (libcurl error {code})"
        return SendResult(error=AttemptFailedError(text, diagnosis))

    def _is_cut(self) -> bool:
        """Tell whether the server has closed the idle connection; libcurl may not look."""
        if self._socket < 0:
            return False
        waiting = poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        self._curl.close()
        self._multi.close()


def _watch(waiting: Any, what: int, socket: int, *_multi_and_data: object) -> None:
    """Take note of what libcurl wants to wait for; libcurl calls this within ``_perform``."""
    if what == pycurl.POLL_REMOVE:
        waiting.unregister(socket)
    else:
        reads, writes = what & pycurl.POLL_IN, what & pycurl.POLL_OUT
        waiting.register(
            socket, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
        )


def _selected(events: int) -> int:
    """Return what a poll has found in libcurl's terms; libcurl finds errors by itself."""
    reads, writes = events & ~select.POLLOUT, events & select.POLLOUT
    return (pycurl.CSELECT_IN if reads else 0) | (pycurl.CSELECT_OUT if writes else 0)


def _diagnose(curl: Any, peer: Peer, proxy: Proxy | None, code: int, message: str) -> Diagnosis:
    """Say what an error of libcurl means."""
    why = message
    if message.endswith("Could not connect to server"):  # or else the number is from before
        number = curl.getinfo(pycurl.OS_ERRNO)
        why = os.strerror(number) if number else message
    if proxy is not None and (code in _PROXY_CODES or curl.getinfo(pycurl.HTTP_CONNECTCODE) > 299):
        return peer.bad_proxy(why)
    if code in _TLS_CODES:
        if proxy is not None and proxy.url.startswith("https") and not _has_tunnel(curl):
            return peer.bad_proxy(message)
        return _diagnose_tls(peer, code, message)
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return peer.host_not_found("")
    if code == pycurl.E_COULDNT_CONNECT:
        return peer.not_connected(why)
    if code == pycurl.E_UNSUPPORTED_PROTOCOL and "HTTP/0.9" in message and peer.is_plain:
        return peer.unexpected_tls()
    return peer.broken_off(message)


def _diagnose_tls(peer: Peer, code: int, message: str) -> Diagnosis:
    if code == pycurl.E_PEER_FAILED_VERIFICATION:
        return peer.untrusted(_VERIFY_RESULT.sub("", message))
    words = message.rpartition("routines::")
    if not words[1] and "SSL" not in message:
        return peer.broken_off(message)
    says_else = words[2] in ("wrong version number", "record layer failure")
    return (peer.no_tls if says_else else peer.handshake_failed)(words[2])


def _has_tunnel(curl: Any) -> bool:
    return bool(curl.getinfo(pycurl.HTTP_CONNECTCODE) == HTTPStatus.OK)


class _Answer:
    """Takes what libcurl reads in one attempt; libcurl calls it in the thread that sends."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.has_socket = False
        self._requests = 0
        self._head_is_whole = False
        self._headers: dict[bytes, list[bytes]] = {}
        self._body_bytes = 0
        self.body = bytearray()

    @property
    def retry_after(self) -> float | None:
        value = self._header(b"retry-after")
        return None if value is None else retry_after(value, self._header(b"date"))

    @property
    def location(self) -> str | None:
        return self._header(b"location")

    def _header(self, name: bytes) -> str | None:
        values = self._headers.get(name)
        return None if values is None else b", ".join(values).decode("latin-1")

    def has_status(self, status: int) -> bool:
        return status >= 200 and self._head_is_whole

    def connect(self, *_socket_and_purpose: object) -> int:
        self.has_socket = True
        return pycurl.SOCKOPT_OK

    def prepare(self, *_addresses: object) -> int:
        """Allow one request; libcurl would repeat one that finds its connection cut."""
        self.has_socket = True
        self._requests += 1
        return pycurl.PREREQFUNC_OK if self._requests == 1 else pycurl.PREREQFUNC_ABORT

    def take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):  # the answer of a proxy, or an interim one, may come first
            self._head_is_whole = False
            self._headers.clear()
        elif not line.strip():
            self._head_is_whole = True
        else:
            name, _, value = line.partition(b":")
            name = name.strip().lower()
            if name in (b"retry-after", b"date", b"location"):
                self._headers.setdefault(name, []).append(value.strip())

    def take_body(self, data: bytes) -> int:
        self._body_bytes += len(data)
        if len(self.body) <= _MAX_KEPT_BYTES:
            self.body += data
        return len(data) if self._body_bytes <= MAX_ANSWER_BYTES else -1
