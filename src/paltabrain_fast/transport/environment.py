"""What the environment says of proxies and certificates, with the conventions of ``requests``."""

from __future__ import annotations

import base64
import logging
import os
import ssl
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    get_environ_proxies,
    select_proxy,
)
from urllib3.util import ssl_

from ..process.log import log_line
from .per_process import PerProcess
from .unpatched import make_context

__all__ = ["BundleError", "Certificates", "Proxy", "ProxyUnusableError", "Trust", "proxy_for"]


class BundleError(Exception):
    """The certificates to trust cannot be read."""


class ProxyUnusableError(ValueError):
    """The transport does not know how to speak to the proxy that is set."""


class _BundleNotFoundError(BundleError, FileNotFoundError):
    pass


class _BundleWithoutCertificateError(BundleError, ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the credentials that it asks for.

    Attributes:
        url: URL without user and password.
        variable: the environment variable that sets the proxy.
    """

    url: str
    variable: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that a request to the proxy carries."""
        if not self.user:
            return {}
        credentials = f"{self.user}:{self.password}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


def proxy_for(origin: str) -> Proxy | None:
    """Return the proxy that ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` set for an origin.

    There is none for plain HTTP, which is for loopback only: a proxy would take the API key off
    this machine.
    """
    if origin.startswith("http:"):
        return None
    proxies = get_environ_proxies(origin)
    url = select_proxy(origin, proxies)
    if not url:
        return None
    if "://" not in url:
        url = f"http://{url}"
    split = urlsplit(url)
    bare = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
    variable = "HTTPS_PROXY" if "https" in proxies else "ALL_PROXY"
    return Proxy(bare, variable, *get_auth_from_url(url))


@dataclass(frozen=True, slots=True, eq=False)
class Certificates:
    """The trusted certificates, as a process has read them.

    Attributes:
        context: the context for new connections that trusts them.
        content: the bytes of their file, if they were asked for; ``None`` for a directory.
        is_current: whether the file or directory still holds what was read.
        stat: what the file or directory looked like.
    """

    context: ssl.SSLContext = field(repr=False)
    content: bytes | None = field(repr=False)
    is_current: bool
    stat: tuple[object, ...]


class Trust:
    """The certificates to trust: read once, and again when their file or directory has changed.

    The path is the given one; else that of ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``; else that
    of ``requests``. Any thread may call any method. A forked child reads the certificates anew.

    Args:
        ca_bundle: path of a file or directory.
        keep_content: whether ``Certificates.content`` is wanted.

    Attributes:
        path: path of the file or directory.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: it is a file without a certificate.
    """

    def __init__(
        self, ca_bundle: str | os.PathLike[str] | None, *, keep_content: bool = False
    ) -> None:
        named = {"ca_bundle": ca_bundle}
        named |= {name: os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
        named["requests"] = DEFAULT_CA_BUNDLE_PATH
        name, path = next((name, path) for name, path in named.items() if path)
        self.path = Path(path)
        self._bundle = PerProcess(partial(_Bundle, self.path, name, keep_content))
        self._bundle.get()

    def certificates(self) -> Certificates:
        """Return the certificates; what this costs is a look at the file, unless it has changed.

        Raises:
            FileNotFoundError: the path does not exist, and this process has never read it.
            ValueError: it is a file without a certificate, and this process has read no other.
        """
        return self._bundle.get().certificates()

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises:
            FileNotFoundError, ValueError: see ``certificates()``.
        """
        return self._bundle.get().context()


class _Bundle:
    """The file or directory, as one process has read it.

    There is no lock: threads that find a change at the same time each read the file.

    Args:
        path: of the file or directory.
        named_by: the option or variable that names it; errors say so.
        keep_content: whether the bytes of the file are wanted, too.
    """

    def __init__(self, path: Path, named_by: str, keep_content: bool) -> None:
        self._path = path
        self._named_by = named_by
        self._name = os.fspath(path)
        self._keep_content = keep_content
        self._certificates = self._read(self._stat())

    def certificates(self) -> Certificates:
        known = self._certificates
        stat = self._stat()
        if stat == known.stat:
            return known
        try:
            new = self._read(stat)
        except (OSError, ValueError) as error:
            new = replace(known, is_current=False, stat=stat)
            if known.is_current:
                log_line(
                    logging.WARNING, "the certificates from before are still trusted: %s", error
                )
        self._certificates = new
        return new

    def context(self) -> ssl.SSLContext:
        known = self.certificates()
        if known.is_current and type(known.context).__module__.startswith("truststore"):
            return self._load()  # truststore locks a context while a handshake lasts
        return known.context

    def _stat(self) -> tuple[object, ...]:
        maker = ssl_.SSLContext  # a test or truststore may replace the class as well
        try:
            stat = os.stat(self._name)  # noqa: PTH116  # faster than Path.stat(), for each attempt
        except OSError:
            return (maker,)
        return maker, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _read(self, stat: tuple[object, ...]) -> Certificates:
        context = self._load()
        keep = self._keep_content and not self._path.is_dir()
        return Certificates(context, self._path.read_bytes() if keep else None, True, stat)

    def _load(self) -> ssl.SSLContext:
        named = f"{self._path}, named by {self._named_by}"
        if not self._path.exists():
            raise _BundleNotFoundError(f"CA bundle not found: {named}")
        context = make_context()
        try:
            if self._path.is_dir():
                context.load_verify_locations(capath=self._path)
            else:
                context.load_verify_locations(cafile=self._path)
        except ssl.SSLError as error:
            raise _BundleWithoutCertificateError(
                f"CA bundle without a certificate: {named}"
            ) from error
        return context
