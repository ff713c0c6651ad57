"""Sends through ``requests`` while a test mocks it, or ``urllib3``.

The users' mocks are those of ``responses``, ``requests_mock``, ``vcrpy`` and ``unittest.mock``. The
default transport has connections of its own, which they would never see. So before each attempt it
compares the classes and functions that a plain request goes through with those of the import.
"""

from __future__ import annotations

import contextlib
import inspect
import socket
from collections import deque
from collections.abc import Callable, Mapping
from operator import call, itemgetter
from typing import Any, Final, cast

import requests
import requests.adapters
import requests.sessions
import urllib3
import urllib3.connection
import urllib3.connectionpool

from .base import Request, SendResult, finish, retry_after, words_of
from .faults import Peer, failure, timed_out
from .per_process import PerProcess

__all__ = ["MockedRequests", "mocks"]

_WATCHED: Final[tuple[tuple[Any, str, str], ...]] = (
    (requests, "", "Session"),
    (requests.sessions, "", "Session HTTPAdapter"),
    (
        requests.sessions,
        "Session",
        "__init__ mount post request prepare_request merge_environment_settings send get_adapter",
    ),
    (
        requests.adapters,
        "HTTPAdapter",
        "__init__ send init_poolmanager get_connection get_connection_with_tls_context"
        " build_response",
    ),
    (requests.adapters, "", "PoolManager"),
    (urllib3, "", "PoolManager"),
    (urllib3, "PoolManager", "__init__ connection_from_host connection_from_pool_key urlopen"),
    (
        urllib3.connectionpool,
        "HTTPConnectionPool",
        "ConnectionCls _get_conn _new_conn _make_request urlopen",
    ),
    (urllib3.connectionpool, "HTTPSConnectionPool", "ConnectionCls _new_conn"),
    (urllib3.connection, "HTTPConnection", "__init__ _new_conn connect request getresponse"),
    (urllib3.connection, "HTTPSConnection", "__init__ connect"),
)
"""Module, class in it if any, and names of what is compared; not every version has them all."""

_LIBRARIES: Final = ("requests", "urllib3")
_SOCKETS: Final = ("socket", "gevent", "eventlet")
"""Packages whose sockets are not mocks."""

_State = list[object]


def _home(value: Any) -> str:
    """Return the name of the package that a class or a function comes from."""
    value = inspect.unwrap(value)  # tracing wraps what it replaces, and is not a mock
    module = value.__module__ if isinstance(value, type) else None
    if module is None:  # a mock may copy the __module__ of a function
        module = getattr(value, "__globals__", {}).get("__name__", "")
    return str(module).partition(".")[0]


class _Watch:
    """Compares what is in place with what was there at first.

    Attributes:
        is_clean: whether there were no mocks at first.
    """

    def __init__(self) -> None:
        self.is_clean = True
        self._gets: list[Callable[[Any], object]] = []
        self._spaces: list[Mapping[str, object]] = []
        for module, class_name, names in _WATCHED:
            owner = getattr(module, class_name) if class_name else module
            if class_name and not isinstance(owner, type):
                self.is_clean = False
                continue
            space = vars(owner)
            present = [name for name in names.split() if name in space]
            self.is_clean &= all(_home(space[name]) in _LIBRARIES for name in present)
            self._gets.append(itemgetter(*present))
            self._spaces.append(space)
        self._first = self.look()
        self._socket = socket.socket
        self.is_clean &= _home(self._socket) in _SOCKETS

    def look(self) -> _State:
        return list(map(call, self._gets, self._spaces))  # all of it in C: each attempt looks

    def changed(self) -> _State | None:
        """Return what is in place; ``None`` if it is what was there at first."""
        try:
            state = self.look()
        except KeyError:  # something was deleted: requests is to fail with Python's own error
            return [object()]
        if state == self._first and (
            socket.socket is self._socket or _home(socket.socket) in _SOCKETS
        ):
            return None
        return state


_watch = _Watch()


def mocks() -> _State | None:
    """Return what is in place, if there are mocks among it; ``None`` if there are none."""
    global _watch
    if not _watch.is_clean:  # this module was imported while there were mocks
        watch = _Watch()
        if not watch.is_clean:
            return watch.look()
        _watch = watch
    return _watch.changed()


class MockedRequests:
    """Sends through ``requests`` as long as there are mocks; any thread may call any method.

    Args:
        bundle: file or directory of trusted certificates.
    """

    def __init__(self, bundle: str) -> None:
        self._bundle = bundle
        # each session with what was in place when it was made, since it may keep some of that
        self._idle: PerProcess[deque[tuple[_State, requests.Session]]] = PerProcess(deque)

    def send(self, request: Request, state: _State) -> SendResult:
        """Make one attempt through ``requests``.

        Args:
            request: what is sent.
            state: what ``mocks()`` has returned.
        """
        idle = self._idle.get()
        session = _session(state, idle)
        session.trust_env = not request.url.startswith("http:")  # to loopback, by no proxy
        try:
            response = session.post(
                request.url,
                data=request.body,
                headers=dict(request.headers),
                timeout=request.timeout,
                verify=self._bundle,
                allow_redirects=False,
                stream=True,
            )
            body: Any = b""
            with contextlib.suppress(Exception):  # a mock may have nothing to read
                body = finish(response.raw)
            names = ("Retry-After", "Date", "Location")
            value, date, location = (_text(response, name) for name in names)
            status, body = _status(response), body if isinstance(body, bytes) else b""
            reason = words_of(status, location, body, request)
            return SendResult(status, None, retry_after(value, date), reason)
        except requests.Timeout:
            return timed_out(request, Peer(request, self._bundle))
        except Exception as error:
            return SendResult(error=failure(error, Peer(request, self._bundle)))
        finally:
            idle.append((state, session))

    def close(self) -> None:
        """Close the connections of this process."""
        idle = self._idle.pop() or deque()
        with contextlib.suppress(IndexError):  # a sender may take one meanwhile
            while True:
                idle.pop()[1].close()


def _session(state: _State, idle: deque[tuple[_State, requests.Session]]) -> requests.Session:
    """Take a session that was made with the same mocks, or make one."""
    with contextlib.suppress(IndexError):
        while True:
            made_for, session = idle.pop()
            if made_for == state:
                return session
    # either name may be mocked
    made_by: Any = requests if _home(requests.Session) != "requests" else requests.sessions
    return cast(requests.Session, made_by.Session())


def _status(response: Any) -> int:
    """Return the status of an answer; 0, which is a refusal, for a mock that has none."""
    try:
        return int(response.status_code)
    except (AttributeError, TypeError, ValueError):
        return 0


def _text(response: Any, name: str) -> str | None:
    headers = getattr(response, "headers", None)
    text = headers.get(name) if isinstance(headers, Mapping) else None
    return text if isinstance(text, str) else None
