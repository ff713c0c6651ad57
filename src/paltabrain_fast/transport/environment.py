"""What the environment says of proxies and certificates, with the conventions of ``requests``."""

from __future__ import annotations

import base64
import logging
import os
import ssl
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from requests.utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    get_environ_proxies,
    select_proxy,
)
from urllib3.util import ssl_

from ..process.log import log_line
from .bundle import BundleError, NamedBundle, bundle_not_found, bundle_without_certificate
from .per_process import PerProcess
from .unpatched import make_context

__all__ = ["BundleError", "Certificates", "Proxy", "ProxyUnusableError", "Trust", "proxy_for"]


class ProxyUnusableError(ValueError):
    """The transport does not know how to speak to the proxy that is set."""


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
    """The certificates to trust: read when they are first needed, and again when they have changed.

    The path is the given one; else that of ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``; else that
    of ``requests``. All that trust the same bundle share what is read, so a process reads it once.
    Any thread may call any method. A forked child reads the certificates anew.

    Args:
        ca_bundle: path of a file or directory.
        keep_content: whether ``Certificates.content`` is wanted.

    Attributes:
        path: path of the file or directory.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: it is a file in which no certificate begins.
    """

    def __init__(
        self, ca_bundle: str | os.PathLike[str] | NamedBundle | None, *, keep_content: bool = False
    ) -> None:
        named = NamedBundle.find(ca_bundle)
        named.check()
        path = DEFAULT_CA_BUNDLE_PATH if named.path is None else named.path
        self.path = Path(path)
        key = path, named.named_by, keep_content
        # kept in a variable, as nothing else refers to it until it is returned
        bundle = PerProcess(partial(_Bundle, self.path, named.named_by, keep_content))
        self._bundle = _bundles.setdefault(key, bundle)

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


_bundles: Final[WeakValueDictionary[tuple[str, str, bool], PerProcess[_Bundle]]] = (
    WeakValueDictionary()
)


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
        if not self._path.exists():
            raise bundle_not_found(self._path, self._named_by)
        context = make_context()
        try:
            if self._path.is_dir():
                context.load_verify_locations(capath=self._path)
            else:
                context.load_verify_locations(cafile=self._path)
        except ssl.SSLError as error:
            raise bundle_without_certificate(self._path, self._named_by) from error
        return context
