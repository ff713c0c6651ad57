"""Sockets and TLS as Python has them, whatever has been patched.

A thread that gevent knows nothing of would get an event loop of its own for each patched socket,
and a thread of its own for each name to resolve. And the classes of ``ssl`` look themselves up in
their module when they are used, where they find others once that has been patched; so they are
derived here with what they were made with.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from urllib3.util import ssl_

from ..process.locks import pristine

__all__ = [
    "MAX_WAIT_SECONDS",
    "Socket",
    "SslSocket",
    "getaddrinfo",
    "make_context",
    "poll",
    "wait_for",
]

_PATCHES: Final = ("ssl", "gevent", "eventlet")
"""Who makes contexts that differ in nothing but what their sockets wait by."""

MAX_WAIT_SECONDS: Final = 1.0
"""How long to wait at a time: a process that was stopped may begin a wait anew when it goes on."""

_select = pristine("select")
_READ: Final[int] = getattr(_select, "POLLIN", 1)
_WRITE: Final[int] = getattr(_select, "POLLOUT", 4)


def _original(module: str, name: str) -> Any:
    # a module that another thread is importing just now lacks them yet, and has patched nothing
    get_original = getattr(sys.modules.get("gevent.monkey"), "get_original", None)
    if get_original is not None:
        return get_original(module, name)
    patcher = sys.modules.get("eventlet.patcher")
    is_patched = getattr(patcher, "is_monkey_patched", None)
    if patcher is not None and is_patched is not None and is_patched("socket"):
        return getattr(patcher.original(module), name)
    return getattr(sys.modules[module], name)


def _original_class(name: str) -> Any:
    """Return a class of ``ssl`` as Python has it, whoever has derived another from it."""
    for cls in _original("ssl", name).__mro__:
        if cls.__module__ == "ssl":
            return cls
    raise ImportError(f"ssl.{name} is none of Python's")


def _bound(function: Any, names: dict[str, Any], made: CellType | None = None) -> Any:
    """Make a function anew, with other globals.

    Args:
        function: as it is, if it is none of Python.
        names: the globals.
        made: the class that its ``super()`` is to be of.
    """
    if not isinstance(function, FunctionType):
        return function
    closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    bound = FunctionType(
        function.__code__,
        names,
        function.__name__,
        function.__defaults__,
        tuple(made if made and name == "__class__" else cell for name, cell in closure),
    )
    bound.__kwdefaults__ = function.__kwdefaults__
    return bound


def _made_anew(name: str, base: type | None = None) -> Any:
    """Make a class of ``ssl`` anew, whose methods find it by its name.

    Args:
        name: of the class.
        base: to derive it from; if not given, the class itself, which then is what they find.
    """
    original = _original_class(name)
    names = dict(vars(ssl))
    made = None if base is None else CellType()
    members: dict[str, Any] = {}
    for key, member in vars(original).items():
        if isinstance(member, property):
            accessors = (_bound(f, names, made) for f in (member.fget, member.fset, member.fdel))
            members[key] = property(*accessors)
        elif isinstance(member, classmethod):
            members[key] = classmethod(_bound(member.__func__, names, made))
        elif key not in ("__dict__", "__weakref__"):
            members[key] = _bound(member, names, made)
    derived = type(name, (base or original,), members)
    names[name] = derived if base else original
    if made is not None:
        made.cell_contents = derived
    return derived


_Context = _made_anew("SSLContext")
poll: Final[Callable[[], Any]] = _select.poll

if TYPE_CHECKING:
    Socket = socket.socket
    SslSocket = ssl.SSLSocket
else:
    Socket = _original("socket", "socket")
    SslSocket = _made_anew("SSLSocket", Socket)


def getaddrinfo(*arguments: Any) -> list[Any]:
    """Do as ``socket.getaddrinfo``, in this thread."""
    addresses: list[Any] = _original("socket", "getaddrinfo")(*arguments)
    return addresses


def make_context() -> ssl.SSLContext:
    """Make a context as ``urllib3`` does, that verifies certificates."""
    make = ssl_.create_urllib3_context
    if ssl_.SSLContext.__module__.partition(".")[0] in _PATCHES:  # and not truststore's
        make = _bound(make, vars(ssl_) | {"SSLContext": _Context})
    return make(cert_reqs=ssl.CERT_REQUIRED)


def wait_for(connection: socket.socket, seconds: float, *, to_read: bool) -> bool:
    """Wait until a socket can be read or written, or for so long; return whether it can."""
    waiting = poll()
    waiting.register(connection, _READ if to_read else _WRITE)
    return bool(waiting.poll(seconds * 1000))
