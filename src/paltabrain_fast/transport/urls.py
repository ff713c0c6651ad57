"""The rule for hostnames: what URL one stands for, and which ones are refused."""

from __future__ import annotations

import functools
import string
from typing import Final

# Regular expressions are not used here: to compile one takes longer than the whole constructor of
# an SDK, and the import is to be short.

__all__ = ["base_url", "origin_of"]

_LABEL_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "_-")
_PLAIN_SCHEME: Final = "http://"
_SECURE_SCHEME: Final = "https://"


def base_url(hostname: str) -> str:
    """Return the URL that ``hostname`` stands for, without a path.

    Args:
        hostname: ``host`` or ``host:port``, with or without ``https://`` before it and ``/`` after
            that. The URL is always ``https``, unless ``http://`` stands before a loopback host.

    Raises:
        TypeError: ``hostname`` is not a string.
        ValueError: it holds anything but a host and a port.
    """
    if not isinstance(hostname, str):
        raise TypeError(f"hostname must be a str, not {type(hostname).__name__}")
    plain = hostname.startswith(_PLAIN_SCHEME)
    authority = hostname
    for scheme in (_PLAIN_SCHEME, _SECURE_SCHEME):
        if hostname.startswith(scheme):
            authority = hostname.removeprefix(scheme).removesuffix("/")
    problem = f"hostname must be 'host' or 'host:port' in ASCII, not {hostname!r}"
    host, _, port = authority.rpartition(":")
    if not host or authority.endswith("]"):
        host, port = authority, "443"
    if not _is_host(host) or not _is_port(port):
        raise ValueError(problem)
    if plain and not _is_loopback(host):
        raise ValueError(f"hostname may use http:// for a loopback host only, not {hostname!r}")
    return f"{'http' if plain else 'https'}://{authority}"


@functools.lru_cache(maxsize=16)
def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL that has a path."""
    return url[: url.index("/", url.index("//") + 2)]


def _is_host(host: str) -> bool:
    """Tell whether this is a name of DNS in ASCII, or an address.

    A name that looks like an IPv4 address must be one in the usual notation. The system's resolver
    also takes ``127.1`` and ``0x7f.1``, and libraries differ in how they read those.
    """
    is_bracketed = host.startswith("[") and host.endswith("]")
    labels = host.removesuffix(".").split(".")
    if not (is_bracketed or _is_number(labels[-1])):
        return len(host) <= 253 and all(map(_is_label, labels))
    import ipaddress  # here, as few hosts are addresses

    try:
        if is_bracketed:
            return ipaddress.IPv6Address(host[1:-1]).scope_id is None
        return ipaddress.IPv4Address(host).version == 4
    except ValueError:
        return False


def _is_label(label: str) -> bool:
    return (
        0 < len(label) <= 63
        and _LABEL_CHARACTERS.issuperset(label)
        and not (label.startswith("-") or label.endswith("-"))
    )


def _is_number(label: str) -> bool:
    """Tell whether a resolver takes this for a number: decimal, or hexadecimal after ``0x``."""
    if label[:2] in ("0x", "0X"):
        return not label[2:].strip(string.hexdigits)
    return _is_decimal(label)


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_port(port: str) -> bool:
    return _is_decimal(port) and len(port) <= 5 and 0 < int(port) < 65_536


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
