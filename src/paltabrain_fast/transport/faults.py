"""Says what kind of fault an attempt has met, and what a person can do about it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from urllib3.exceptions import NewConnectionError, ProxyError, ProxySchemeUnknown

from ..constant import HOSTNAME_VARIABLE
from ..errors import AttemptFailedError, AttemptTimedOutError, Diagnosis
from .base import Request, SendResult
from .environment import BundleError, Proxy, ProxyUnusableError

__all__ = ["Peer", "failure", "timed_out"]

_MAX_TEXT: Final = 200
_HOSTNAME: Final = f"hostname or {HOSTNAME_VARIABLE}"
_TLS_ALERT: Final = "\x15\x03"
"""How a server that speaks TLS begins its answer to a request in plain HTTP."""


class Peer:
    """Whom an attempt speaks to, in the words of a diagnosis.

    Args:
        request: for its URL.
        bundle: the certificates that are trusted; ``None`` if that is unknown.
        proxy: the proxy in between, if any.
    """

    def __init__(self, request: Request, bundle: str | None, proxy: Proxy | None = None) -> None:
        url = urlsplit(request.url)
        self.is_plain = url.scheme == "http"
        self._host = url.netloc
        self._bundle = bundle
        self._proxy = proxy

    def host_not_found(self, why: str) -> Diagnosis:
        """Diagnose a name that cannot be resolved."""
        cause = f"host not found: {self._host}" + (f" ({why})" if why else "")
        return Diagnosis("host_not_found", cause, f"check {_HOSTNAME}")

    def not_connected(self, why: str) -> Diagnosis:
        """Diagnose a connection that was refused, or does not come about."""
        cause = f"no connection to {self._host} ({why})"
        return Diagnosis("connection", cause, f"check {_HOSTNAME}, and that the server is up")

    def broken_off(self, why: str) -> Diagnosis:
        """Diagnose a connection that ends without an answer."""
        remedy = "check that the server is up"
        if self.is_plain:
            remedy += "; if it speaks TLS on this port, leave out http://"
        return Diagnosis("connection", f"connection to {self._host} broke off ({why})", remedy)

    def timed_out(self, seconds: float) -> Diagnosis:
        """Diagnose an attempt that has used up its time."""
        way = "" if self._proxy is None else f" through {self._name_of(self._proxy)}"
        return Diagnosis(
            "timeout",
            f"no answer from {self._host}{way} within {seconds:.3g} s",
            f"check the server, and that no firewall is in between ({_HOSTNAME}, request_timeout)",
        )

    def untrusted(self, why: str) -> Diagnosis:
        """Diagnose a certificate that is not trusted."""
        if "expired" in why:
            remedy = "have the server's certificate renewed, or set the clock of this machine"
        elif "match" in why:
            remedy = f"give a name of the certificate as {_HOSTNAME}"
        else:
            remedy = (
                "set REQUESTS_CA_BUNDLE to a file with the authority that has signed it, or give it"
                " to the transport as ca_bundle"
            )
        trusted = "" if self._bundle is None else f", verified with {self._bundle}"
        cause = f"TLS: certificate of {self._host} refused ({why}){trusted}"
        return Diagnosis("tls", cause, remedy)

    def no_tls(self, why: str) -> Diagnosis:
        """Diagnose a server that answers the handshake with something else."""
        return Diagnosis(
            "tls",
            f"TLS: {self._host} does not speak TLS on this port ({why}{self._certificates})",
            f"check the port in {_HOSTNAME}; a server on loopback may be given as http://...",
        )

    def handshake_failed(self, why: str) -> Diagnosis:
        """Diagnose a handshake that failed in another way."""
        return Diagnosis(
            "tls",
            f"TLS: handshake with {self._host} failed ({why}{self._certificates})",
            f"check host and port in {_HOSTNAME}, and that TLS 1.2 or later is spoken there",
        )

    def unexpected_tls(self) -> Diagnosis:
        """Diagnose a server that speaks TLS, where plain HTTP is asked for."""
        return Diagnosis(
            "tls",
            f"TLS: {self._host} speaks TLS on this port, and is asked in plain HTTP",
            f"leave out http:// in {_HOSTNAME}",
        )

    def bad_bundle(self, why: str) -> Diagnosis:
        """Diagnose certificates to trust that cannot be read."""
        return Diagnosis(
            "tls",
            f"TLS: {why}, with which {self._host} is to be verified",
            "check ca_bundle, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
        )

    def bad_proxy(self, why: str) -> Diagnosis:
        """Diagnose a proxy that opens no way to the server."""
        if self._proxy is None:
            return self.not_connected(why)
        variable = self._proxy.variable
        what = f"user and password in {variable}" if "407" in why else variable
        return Diagnosis(
            "proxy",
            f"{self._name_of(self._proxy)} gives no connection to {self._host} ({why})",
            f"check {what}, or set NO_PROXY for hosts to reach without it",
        )

    @property
    def _certificates(self) -> str:
        return "" if self._bundle is None else f"; certificates: {self._bundle}"

    @staticmethod
    def _name_of(proxy: Proxy) -> str:
        return f"proxy {urlsplit(proxy.url).netloc or proxy.url} of {proxy.variable}"


def timed_out(request: Request, peer: Peer) -> SendResult:
    """Return the result of an attempt that has used up its time."""
    text = f"the attempt timed out after {request.timeout:g} s"
    return SendResult(error=AttemptTimedOutError(text, peer.timed_out(request.timeout)))


def failure(error: Exception, peer: Peer) -> AttemptFailedError:
    """Return a new error with the text of another, in one line, and what it means.

    The other one is not kept: its frames hold headers and body.
    """
    diagnosis = _diagnose(error, peer)
    while len(error.args) > 1 and isinstance(error.args[-1], Exception):
        error = error.args[-1]  # urllib3 puts the cause beside words that say less
    text = f"{_name_of(error)}: {_in_one_line(error)}"
    return AttemptFailedError(text[:_MAX_TEXT], diagnosis)


def _diagnose(error: Exception, peer: Peer) -> Diagnosis:
    """Diagnose an exception of ``urllib3`` or ``requests``, or what has caused it."""
    chain = list(_chain(error))
    root = chain[-1]
    why = _reason(root)
    for each in chain:
        if isinstance(each, ProxyError | ProxySchemeUnknown | ProxyUnusableError):
            return peer.bad_proxy(why)
        if isinstance(each, BundleError):
            return peer.bad_bundle(why)
        if isinstance(each, ssl.SSLCertVerificationError):
            return peer.untrusted(each.verify_message or why)
        if isinstance(each, ssl.SSLError):
            says_else = each.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
            return (peer.no_tls if says_else else peer.handshake_failed)(why)
        if isinstance(each, socket.gaierror):
            return peer.host_not_found(why)
    if isinstance(root, http.client.BadStatusLine) and str(root).startswith(_TLS_ALERT):
        return peer.unexpected_tls()
    if any(isinstance(each, NewConnectionError) for each in chain):
        return peer.not_connected(why)
    return peer.broken_off(why)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what has caused it, and so on."""
    known: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in known:
        known.add(id(following))
        yield following
        inner = [*following.args, getattr(following, "reason", None)]
        causes = [each for each in inner if isinstance(each, BaseException)]
        following = causes[-1] if causes else following.__cause__


def _reason(error: BaseException) -> str:
    """Return the words of an exception that say most, in one line."""
    if isinstance(error, ssl.SSLError):
        words = re.sub(r"^\[[^]]*\] *| *\(_ssl\.c:\d+\)$", "", error.args[-1] if error.args else "")
        return str(words) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return _in_one_line(error)[:_MAX_TEXT] or type(error).__name__


def _name_of(error: BaseException) -> str:
    """Return the name of the class, or of the base that users know."""
    package = __name__.partition(".")[0]
    names = [c.__name__ for c in type(error).__mro__ if c.__module__.partition(".")[0] != package]
    return names[0]


def _in_one_line(error: BaseException) -> str:
    text = str(error).strip()
    return text if text.isprintable() else ascii(text)[1:-1]  # the text may be a server's
