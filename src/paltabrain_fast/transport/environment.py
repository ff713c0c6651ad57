"""What the environment says of proxies and certificates, with the conventions of ``requests``."""

from __future__ import annotations

import base64
import logging
import os
import ssl
from dataclasses import dataclass, field
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
from .unpatched import make_context

__all__ = ["Proxy", "Trust", "origin_of", "proxy_for"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and what it takes to be let through.

    Attributes:
        url: without user and password.
        variable: what sets it.
    """

    url: str
    variable: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What a request to the proxy carries."""
        if not self.user:
            return {}
        credentials = f"{self.user}:{self.password}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    return url[: url.index("/", url.index("//") + 2)]


def proxy_for(origin: str) -> Proxy | None:
    """Return the proxy that ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` set for an origin.

    Plain HTTP is for loopback only, and goes through none: the API key would leave the machine.
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


class Trust:
    """The certificates to trust, read again when their file or directory is another.

    That is the given one, else the environment's (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``),
    else that of ``requests``. Where the new one cannot be read, the old one is kept.

    Args:
        ca_bundle: the given one.

    Attributes:
        path: of the file or directory.
        version: changes with what was read.
        is_current: whether that is what is there now.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is a file without a certificate.
    """

    def __init__(self, ca_bundle: str | os.PathLike[str] | None) -> None:
        self.path = Path(
            ca_bundle
            or os.environ.get("REQUESTS_CA_BUNDLE")
            or os.environ.get("CURL_CA_BUNDLE")
            or DEFAULT_CA_BUNDLE_PATH
        )
        self._name = os.fspath(self.path)
        self.version = 0
        self.is_current = True
        self._seen = self._look()
        self._context = self._load()

    def refresh(self) -> None:
        """Read them again, if they are others; if they are not, this costs a look at the file.

        Threads that come at the same time each do so: none goes on with the old ones.
        """
        seen = self._look()
        if seen == self._seen:
            return
        try:
            self._context = self._load()
        except (OSError, ValueError) as error:
            self._seen = seen
            if self.is_current:
                self.is_current = False
                log_line(
                    logging.WARNING, "the certificates from before are still trusted: %s", error
                )
        else:
            self.version += 1
            self.is_current = True
            self._seen = seen

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        self.refresh()
        if self.is_current and type(self._context).__module__.startswith("truststore"):
            return self._load()  # it is locked during a handshake, which may take its time
        return self._context

    def _look(self) -> tuple[object, ...]:
        maker = ssl_.SSLContext  # it may be replaced, too
        try:
            stat = os.stat(self._name)  # noqa: PTH116  # which is asked before each attempt
        except OSError:
            return (maker,)
        return maker, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _load(self) -> ssl.SSLContext:
        if not self.path.exists():
            raise FileNotFoundError(f"CA bundle not found: {self.path}")
        context = make_context()
        try:
            if self.path.is_dir():
                context.load_verify_locations(capath=self.path)
            else:
                context.load_verify_locations(cafile=self.path)
        except ssl.SSLError as error:
            raise ValueError(f"CA bundle without a certificate: {self.path}") from error
        return context
