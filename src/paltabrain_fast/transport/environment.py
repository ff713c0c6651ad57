"""What the environment says of proxies and certificates, with the conventions of ``requests``."""

from __future__ import annotations

import base64
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

__all__ = ["Proxy", "origin_of", "proxy_for", "trusted_certificates"]


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


def trusted_certificates(ca_bundle: str | os.PathLike[str] | None, context: ssl.SSLContext) -> Path:
    """Load the certificates to trust into a context, and return the file or directory of them.

    That is the given one, else the environment's (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``),
    else that of ``requests``.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is a file without a certificate.
    """
    bundle = Path(
        ca_bundle
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or os.environ.get("CURL_CA_BUNDLE")
        or DEFAULT_CA_BUNDLE_PATH
    )
    if not bundle.exists():
        raise FileNotFoundError(f"CA bundle not found: {bundle}")
    try:
        if bundle.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except ssl.SSLError as error:
        raise ValueError(f"CA bundle without a certificate: {bundle}") from error
    return bundle
