"""The sockets that a collector listens on: on loopback, and where it is told to."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

from .errors import CollectorError

_LOOPBACK: Final = "127.0.0.1"
_EVERYWHERE: Final = "0.0.0.0"
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", re.IGNORECASE)


class Listener(socket.socket):
    """A listening socket that can close the connections that it accepted.

    It is needed since uvicorn, when it stops, waits for its clients: for a TLS handshake to end, or
    for an idle client to close its connection.
    """

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        # Given the protocol, asyncio sets TCP_NODELAY. Without that, the second part of an answer
        # waits up to 40 ms, until the client has acknowledged the first.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._accepted: WeakSet[socket.socket] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self._accepted.add(connection)
        return connection, address

    def hang_up(self) -> None:
        """Close all connections; what was written to them still arrives."""
        for connection in tuple(self._accepted):
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)


def listen(port: int, option: str, hosts: Sequence[str]) -> list[Listener]:
    """Listen on a port of loopback, and of the addresses among some hosts.

    Args:
        port: the port; 0 means any free one, the same on all addresses.
        option: the option that errors name.
        hosts: names and addresses; a name means all addresses of IPv4.

    Raises:
        CollectorError: the port is in use, an address is not one of this machine's, or a host is
            neither a name nor an address.
    """
    listeners: list[Listener] = []
    try:
        for address in _addresses(hosts):
            listeners.append(_listen(address, port, option))
            port = listeners[0].getsockname()[1]
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def is_address(host: str) -> bool:
    """Tell whether a host is an address, and not a name."""
    return _address(host) is not None


def is_unspecified(host: str) -> bool:
    """Tell whether a host is the address that stands for all of them."""
    address = _address(host)
    return address is not None and address.is_unspecified


def _addresses(hosts: Sequence[str]) -> list[str]:
    found = [_LOOPBACK]
    for host in hosts:
        address = _address(host)
        if address is None and not _NAME.fullmatch(host):
            raise CollectorError(f"--host {host}: give a name or an address, without a port")
        found.append(_EVERYWHERE if address is None else str(address))
    if _EVERYWHERE in found:  # it covers the others of IPv4
        found = [_EVERYWHERE, *(each for each in found if ":" in each)]
    return list(dict.fromkeys(found))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _listen(address: str, port: int, option: str) -> Listener:
    listener = Listener(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if address == _LOOPBACK or error.errno == errno.EADDRINUSE:
            problem = f"{option} {port}: {error.strerror}; choose another port"
        else:
            problem = f"--host {address}: {error.strerror}"
        raise CollectorError(problem) from None
    return listener
