"""Looks at the way to the server, step by step: hostname, proxy, DNS, TCP, TLS, key, clock.

Each step is made as the SDK makes it, and a failure is told in the words that the SDK has for it.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3

from ...constant import API_KEY_VARIABLE, ENDPOINT_CONFIG, HOSTNAME_VARIABLE, REQUEST_TIMEOUT
from ...delivery.diagnosis import diagnose
from ...errors import AttemptFailedError, BatchRejectedError, Diagnosis
from ...process.clock import monotonic
from ...process.masking import masked
from ...schema.read_module import ModuleReadError, ReadModule, read_package
from ...transport.base import Request, words_of
from ...transport.bundle import BundleError, NamedBundle
from ...transport.deadline import attempt
from ...transport.environment import Proxy, Trust, proxy_for
from ...transport.faults import Peer, failure
from ...transport.headers import checked_api_key
from ...transport.https import make_pool
from ...transport.urls import base_url
from ..config_archive import ArchiveError, unpack
from ..download_config import DownloadError, config_answer, read_body, status_problem
from .findings import Finding, fault, note, skipped, well

__all__ = ["Network"]

_MAX_SKEW_SECONDS: Final = 60
_PORTS: Final = {"http": 80, "https": 443}
_WORD_BYTES: Final = 4096


class _Addressed(NamedTuple):
    hostname: str
    api_key: str


class Network:
    """The way to a server.

    Args:
        hostname: as the SDK takes it; ``None`` if none is known.
        hostname_from: what has named it.
        api_key: key for authentication; ``None`` if none is known.
        key_from: what has given it.

    Attributes:
        module: the config module that the server sends, once ``findings()`` has come to it.
    """

    def __init__(
        self, hostname: str | None, hostname_from: str, api_key: str | None, key_from: str
    ) -> None:
        self.module: ReadModule | None = None
        self._hostname = hostname or ""
        self._hostname_from = hostname_from
        self._api_key = api_key or ""
        self._key_from = key_from
        self._url = ""

    def findings(self) -> Iterator[Finding]:
        """Look at each step; after one that fails, those that need it are skipped."""
        rest = ["proxy", "DNS", "TCP", "TLS", "API key", "clock"]
        for finding in self._steps():
            if finding.name in rest:
                rest.remove(finding.name)
            yield finding
        for name in rest:
            yield skipped(name, "there is no connection")

    def _steps(self) -> Iterator[Finding]:
        if not self._hostname:
            missing = Diagnosis(
                "hostname", "no hostname", f"give --hostname or {HOSTNAME_VARIABLE}"
            )
            yield fault("hostname", missing)
            return
        try:
            self._url = base_url(self._hostname)
        except ValueError as error:
            yield fault(
                "hostname",
                Diagnosis("hostname", str(error), f"correct {self._hostname_from}"),
            )
            return
        yield well("hostname", f"{self._url}, from {self._hostname_from}")
        proxy = proxy_for(self._url)
        if proxy is None:
            yield well("proxy", "none for this host")
        else:
            yield note("proxy", f"{_netloc(proxy.url)}, from {proxy.variable}")
        reached = True
        for finding in self._connect(proxy):
            reached = finding.remedy is None
            yield finding
        if reached:
            yield from self._ask(proxy)

    def _connect(self, proxy: Proxy | None) -> Iterator[Finding]:
        """Resolve, connect, and speak TLS."""
        peer = self._peer(None, proxy)
        url = urlsplit(self._url if proxy is None else proxy.url)
        host, port = url.hostname or "", url.port or _PORTS.get(url.scheme, 443)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            diagnosis = peer.host_not_found(why) if proxy is None else peer.bad_proxy(why)
            yield fault("DNS", diagnosis)
            return
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        yield well("DNS", f"{host} is {', '.join(addresses)}")
        try:
            with socket.create_connection((host, port), REQUEST_TIMEOUT) as connection:
                address = connection.getpeername()[0]
        except TimeoutError:
            yield fault("TCP", peer.timed_out(REQUEST_TIMEOUT))
            return
        except OSError as error:
            why = error.strerror or str(error)
            diagnosis = peer.not_connected(why) if proxy is None else peer.bad_proxy(why)
            yield fault("TCP", diagnosis)
            return
        yield well("TCP", f"{address} takes connections on port {port}")
        if self._is_secure:
            yield self._tls(proxy, host, port)

    def _tls(self, proxy: Proxy | None, host: str, port: int) -> Finding:
        try:
            bundle = NamedBundle.find(None)
            trust = Trust(bundle)
        except BundleError as error:
            return fault("TLS", _diagnosis(failure(error, self._peer(None, proxy))))
        peer = self._peer(os.fspath(trust.path), proxy)
        outer = attempt.begin(REQUEST_TIMEOUT)
        try:
            pool = make_pool(self._url, proxy, trust, 1)
            connection = pool.take()
            try:
                secure: Any = connection.sock
                version, certificate = secure.version(), secure.getpeercert() or {}
            finally:
                connection.close()
                pool.close()
        except Exception as error:
            if monotonic() >= attempt.deadline:
                return fault("TLS", peer.timed_out(REQUEST_TIMEOUT))
            found = _diagnosis(failure(error, peer))
            is_open = found.kind == "connection" or "handshake with" in found.cause
            if is_open and proxy is None and _speaks_http(host, port):
                found = peer.no_tls("it answers in plain HTTP")
            refused = _issuer(self._url) if "refused" in found.cause and proxy is None else ()
            return fault("proxy" if found.kind == "proxy" else "TLS", found, refused)
        finally:
            attempt.end(outer)
        verified = f"verified with {trust.path}, from {bundle.named_by}"
        return well("TLS", f"{version}, certificate {_about(certificate)}; {verified}")

    def _ask(self, proxy: Proxy | None) -> Iterator[Finding]:
        """Ask for the config module with the key."""
        key_is_usable = True
        if not self._api_key:
            remedy = f"give --api-key or {API_KEY_VARIABLE}"
            yield fault("API key", Diagnosis("key", "no API key", remedy))
            key_is_usable = False
        else:
            try:
                checked_api_key(f"api_key of {self._key_from}", self._api_key)
            except ValueError as error:
                remedy = f"check {self._key_from}"
                yield fault("API key", Diagnosis("key", str(error), remedy))
                key_is_usable = False
        key = self._api_key if key_is_usable else "doctor"
        peer = self._peer(None, proxy)
        try:
            with config_answer(self._url + ENDPOINT_CONFIG, key) as answer:
                if not self._is_secure:
                    yield note("TLS", "none: plain HTTP, which the SDK speaks on loopback alone")
                if key_is_usable:
                    yield from self._read(answer)
                yield _clock(answer.headers)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            found = _diagnosis(failure(error, peer))
            if not self._is_secure and _untrusted_certificate(self._url) is not None:
                found = peer.unexpected_tls()
            yield fault("TLS" if found.kind == "tls" else "API key", found)

    def _read(self, answer: requests.Response) -> Iterator[Finding]:
        """Say what the server thinks of the key, and keep the module that it sends."""
        status = answer.status_code
        problem = status_problem(status)
        if problem is None:
            yield well("API key", f"accepted; it is from {self._key_from}")
            yield from self._unpack(answer)
            return
        location = answer.headers.get("Location")
        request = Request(self._url, b"", {"X-API-Key": self._api_key}, REQUEST_TIMEOUT)
        words = words_of(status, location, answer.raw.read(_WORD_BYTES) or b"", request)
        error = BatchRejectedError(status, words)
        found = diagnose(error, _Addressed(self._hostname, self._api_key))
        if found.kind == "refused":  # which speaks of a batch
            found = Diagnosis(found.kind, problem, found.remedy)
        if found.kind == "key_refused":
            found = Diagnosis(
                found.kind, f"{found.cause}; it is from {self._key_from}", found.remedy
            )
        yield fault("API key", found)

    def _unpack(self, answer: requests.Response) -> Iterator[Finding]:
        try:
            archive = read_body(answer.raw)
            with tempfile.TemporaryDirectory() as directory:
                unpack(archive, Path(directory))
                self.module = read_package(Path(directory))
        except (ArchiveError, DownloadError, ModuleReadError) as error:
            text = masked(str(error), self._api_key)
            text = text if text.isprintable() else ascii(text)
            remedy = f"check hostname or {HOSTNAME_VARIABLE}: is this the API of PaltaBrain?"
            what = f"{self._url} sends no config module ({text})"
            yield fault("server's module", Diagnosis("module", what, remedy))
        else:
            events = len(self.module.schema.events)
            yield well("server's module", f"{events} events")

    @property
    def _is_secure(self) -> bool:
        return self._url.startswith("https:")

    def _peer(self, bundle: str | None, proxy: Proxy | None) -> Peer:
        return Peer(Request(self._url, b"", {}, REQUEST_TIMEOUT), bundle, proxy)


def _netloc(url: str) -> str:
    return urlsplit(url).netloc or url


def _diagnosis(error: AttemptFailedError) -> Diagnosis:
    assert error.diagnosis is not None  # failure() has made one
    return error.diagnosis


def _about(certificate: Mapping[str, Any]) -> str:
    """Say for whom a certificate is, of whom, and until when."""
    names = [str(name) for _, name in certificate.get("subjectAltName", ())]
    issuer = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    by = issuer.get("commonName") or issuer.get("organizationName") or "an unnamed authority"
    until = certificate.get("notAfter", "")
    if until:
        until = time.strftime("%Y-%m-%d", time.gmtime(ssl.cert_time_to_seconds(until)))
    return f"for {', '.join(names[:4])} by {by} until {until}"


def _clock(headers: Mapping[str, str]) -> Finding:
    """Compare the clock with that of the server."""
    try:
        theirs = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return skipped("clock", "the server does not say what time it is")
    skew = round(time.time() - theirs)
    if abs(skew) <= _MAX_SKEW_SECONDS:
        return well("clock", "as the server's, to the minute")
    direction = "fast" if skew > 0 else "slow"
    cause = f"the clock of this machine is {abs(skew):,} s {direction}, by that of the server"
    remedy = "set the clock of this machine: events carry its time"
    return fault("clock", Diagnosis("clock", cause, remedy))


def _speaks_http(host: str, port: int) -> bool:
    """Tell whether plain HTTP is spoken on a port; nothing but the question is sent."""
    try:
        with socket.create_connection((host, port), REQUEST_TIMEOUT) as connection:
            connection.sendall(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return connection.recv(16).startswith(b"HTTP/")
    except OSError:
        return False


def _untrusted_certificate(url: str) -> bytes | None:
    """Return the certificate at a URL, whoever has signed it; ``None`` if there is no TLS.

    Nothing is sent over that connection.
    """
    split = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = split.hostname or "", split.port or _PORTS[split.scheme]
    try:
        with (
            socket.create_connection((host, port), REQUEST_TIMEOUT) as connection,
            context.wrap_socket(connection, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True)
    except OSError:
        return None


def _issuer(url: str) -> tuple[str, ...]:
    """Say who has signed a certificate that is not trusted, where there is a library to read it."""
    certificate = _untrusted_certificate(url)
    try:
        from cryptography.x509 import load_der_x509_certificate
    except ImportError:
        return ()
    if certificate is None:
        return ()
    try:
        found = load_der_x509_certificate(certificate)
        issuer, until = found.issuer.rfc4514_string(), f"{found.not_valid_after_utc:%Y-%m-%d}"
    except ValueError:
        return ()
    return (f"it is signed by {issuer}, and valid until {until}",)
