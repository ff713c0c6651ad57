"""Python's own sockets and TLS, whatever gevent or eventlet has patched.

The SDK's threads are real ones. With a patched socket, gevent would give each of them an event loop
of its own, and start one more thread for each name to resolve.

Methods of ``ssl``'s classes look those classes up in their module, and would find the patched ones
there. So the classes are made anew here, with globals that hold the originals.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from urllib3.util import ssl_

from ..process.hosts import loaded
from ..process.pristine import pristine

__all__ = [
    "MAX_WAIT_SECONDS",
    "Socket",
    "SslSocket",
    "getaddrinfo",
    "make_context",
    "poll",
    "reads_of",
    "wait_for",
]

_PATCHES: Final = ("ssl", "gevent", "eventlet")
"""Packages whose contexts differ from Python's only in how their sockets wait."""

MAX_WAIT_SECONDS: Final = 1.0
"""The longest single wait: a process that was stopped may begin its wait anew when it goes on."""

_select = pristine("select")
_READ: Final[int] = getattr(_select, "POLLIN", 1)
_WRITE: Final[int] = getattr(_select, "POLLOUT", 4)


def _original(module: str, name: str) -> Any:
    """Return what a module had under a name before it was patched."""
    # while another thread is importing gevent or eventlet, these functions may be missing
    get_original = getattr(loaded("gevent.monkey"), "get_original", None)
    if get_original is not None:
        return get_original(module, name)
    patcher = loaded("eventlet.patcher")
    is_patched = getattr(patcher, "is_monkey_patched", None)
    if patcher is not None and is_patched is not None and is_patched("socket"):
        return getattr(patcher.original(module), name)
    return getattr(sys.modules[module], name)


def _original_class(module: str, name: str) -> Any:
    """Return Python's own class, though another may have taken its name, for a while or for good.

    Raises:
        ImportError: a double has taken it that is not derived from it.
    """
    for cls in getattr(_original(module, name), "__mro__", ()):
        if cls.__module__ == module:
            return cls
    raise ImportError(f"{module}.{name} is not derived from Python's")


def _with_globals(function: Any, names: dict[str, Any], owner: CellType | None = None) -> Any:
    """Make a copy of a function with other globals; return anything else as it is.

    Args:
        function: the function.
        names: the globals of the copy.
        owner: a cell with the class that ``super()`` is to work in.
    """
    if not isinstance(function, FunctionType):
        return function
    closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    bound = FunctionType(
        function.__code__,
        names,
        function.__name__,
        function.__defaults__,
        tuple(owner if owner and name == "__class__" else cell for name, cell in closure),
    )
    bound.__kwdefaults__ = function.__kwdefaults__
    return bound


def _copy_class(name: str, base: type | None = None) -> Any:
    """Make a copy of a class of ``ssl`` whose methods find an unpatched class by its name.

    Args:
        name: name of the class.
        base: base class of the copy, whose methods then find the copy. If not given, the copy is
            derived from the original, and its methods find that.
    """
    original = _original_class("ssl", name)
    names = dict(vars(ssl))
    owner = None if base is None else CellType()
    members: dict[str, Any] = {}
    for key, member in vars(original).items():
        if isinstance(member, property):
            accessors = (member.fget, member.fset, member.fdel)
            members[key] = property(*(_with_globals(each, names, owner) for each in accessors))
        elif isinstance(member, classmethod):
            members[key] = classmethod(_with_globals(member.__func__, names, owner))
        elif key not in ("__dict__", "__weakref__"):
            members[key] = _with_globals(member, names, owner)
    copy = type(name, (base or original,), members)
    names[name] = copy if base else original
    if owner is not None:
        owner.cell_contents = copy
    return copy


_Context = _copy_class("SSLContext")
poll: Final[Callable[[], Any]] = _select.poll

if TYPE_CHECKING:
    Socket = socket.socket
    SslSocket = ssl.SSLSocket
else:
    Socket = _original_class("socket", "socket")
    SslSocket = _copy_class("SSLSocket", Socket)


def getaddrinfo(*arguments: Any) -> list[Any]:
    """Do what ``socket.getaddrinfo`` does, in this thread."""
    addresses: list[Any] = _original("socket", "getaddrinfo")(*arguments)
    return addresses


def make_context() -> ssl.SSLContext:
    """Make a context that verifies certificates, with the settings of ``urllib3``."""
    make = ssl_.create_urllib3_context
    if ssl_.SSLContext.__module__.partition(".")[0] in _PATCHES:  # and not truststore's
        make = _with_globals(make, vars(ssl_) | {"SSLContext": _Context})
    return make(cert_reqs=ssl.CERT_REQUIRED)


def wait_for(connection: socket.socket, seconds: float, *, to_read: bool) -> bool:
    """Wait until a socket can be read or written, or the time is over; return whether it can."""
    waiting = poll()
    waiting.register(connection, _READ if to_read else _WRITE)
    return bool(waiting.poll(seconds * 1000))


def reads_of(connection: socket.socket) -> Callable[[float], list[Any]]:
    """Return what waits so many milliseconds until a socket can be read; for one thread at a time.

    It tells whether it can, and takes less time than ``wait_for``.
    """
    waiting = poll()
    waiting.register(connection, _READ)
    wait: Callable[[float], list[Any]] = waiting.poll
    return wait
