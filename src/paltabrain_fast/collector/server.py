"""Runs the collector: HTTP and HTTPS on loopback, one process, one warehouse."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import uvicorn

from ..schema.model import Schema
from .app import CollectorApp, Counters
from .authority import kept_authority
from .config_zip import config_zip
from .decode import Decoder
from .errors import CollectorError
from .layout import plan_layout
from .warehouse import Warehouse

_LOOPBACK: Final = "127.0.0.1"
_CERTIFIED_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_ANSWER_SECONDS: Final = 0.2
"""How long a stop leaves answers on their way before connections are cut."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector that listens: where to reach it, and what arrived since its start.

    ``ca_file`` is the PEM file of the authority that signed the HTTPS certificate.
    """

    http_port: int
    https_port: int
    ca_file: Path
    counters: Counters

    @property
    def hostname(self) -> str:
        """What a client is given as its ``hostname``; it speaks HTTPS to it."""
        return f"localhost:{self.https_port}"

    @property
    def http_url(self) -> str:
        """The same service without TLS."""
        return f"http://localhost:{self.http_port}"


@contextmanager
def running(
    schema: Schema,
    db: Path,
    *,
    port: int = 0,
    https_port: int = 0,
    api_key: str | None = None,
) -> Iterator[Collector]:
    """Run a collector on a thread of its own while the block runs; port 0 means any free one.

    Without ``api_key``, any key will do; as with the server, none will not.

    It accepts connections from the start of the block. At its end the batch that is being stored is
    finished and answered, what waits behind it is answered 503, and connections are cut, whether
    their clients are done or not. Then ``db`` is closed: every batch that was answered 200 is in
    the file. The HTTPS certificate is made on the spot. Its authority is kept beside ``db`` between
    starts, in ``<db>.ca.pem`` and, for the owner alone, ``<db>.ca.key``, so that a client that
    trusts it need not be told again.

    Raises:
        CollectorError: a port is taken, ``db`` cannot be used, or the schema has no tables of
            distinct names.
    """
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(closing(_listen(number, option)))
            for number, option in ((port, "--port"), (https_port, "--https-port"))
        ]
        layout = plan_layout(schema)
        warehouse = stack.enter_context(closing(Warehouse(db, layout)))
        writer = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="warehouse"))
        app = CollectorApp(Decoder(schema, layout), warehouse, writer, config_zip(schema), api_key)
        ca_file = db.with_name(f"{db.name}.ca.pem")
        servers = [_http_server(app), _https_server(app, ca_file)]
        stopping = threading.Event()
        thread = threading.Thread(
            target=asyncio.run, args=(_serve(app, servers, listeners, stopping),)
        )
        thread.start()
        try:
            http_port, https_port = (sock.getsockname()[1] for sock in listeners)
            yield Collector(http_port, https_port, ca_file, app.counters)
        finally:
            stopping.set()
            thread.join()


async def _serve(
    app: CollectorApp,
    servers: list[uvicorn.Server],
    listeners: list[_Listener],
    stopping: threading.Event,
) -> None:
    serving = asyncio.gather(
        *(server.serve([sock]) for server, sock in zip(servers, listeners, strict=True))
    )
    await asyncio.to_thread(stopping.wait)
    for server in servers:
        server.should_exit = True
    await app.stop()
    await asyncio.sleep(_ANSWER_SECONDS)
    while not serving.done():  # a client may have connected just before its listener closed
        for listener in listeners:
            listener.hang_up()
        await asyncio.wait({serving}, timeout=0.1)
    await serving


class _Listener(socket.socket):
    """A listening socket that can end the connections that it accepted.

    A server that is asked to stop waits for its clients: for the end of a TLS handshake, or for the
    goodbye of one that is idle and will say none.
    """

    def __init__(self) -> None:
        # asyncio turns Nagle's algorithm off only where the protocol is said; what is left on holds
        # the second part of an answer back until the client acknowledges the first, 40 ms later
        super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._accepted: WeakSet[socket.socket] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self._accepted.add(connection)
        return connection, address

    def hang_up(self) -> None:
        """End all connections; what was written to them still arrives."""
        for connection in tuple(self._accepted):
            with suppress(OSError):  # it is closed
                connection.shutdown(socket.SHUT_RDWR)


def _listen(port: int, option: str) -> _Listener:
    sock = _Listener()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((_LOOPBACK, port))
        sock.listen()
    except OSError as error:
        sock.close()
        raise CollectorError(f"{option} {port}: {error.strerror}; choose another port") from None
    return sock


def _http_server(app: CollectorApp) -> uvicorn.Server:
    return uvicorn.Server(_config(app))


def _https_server(app: CollectorApp, ca_file: Path) -> uvicorn.Server:
    authority = kept_authority(ca_file, ca_file.with_suffix(".key"))
    certificate = authority.issue_cert(*_CERTIFIED_NAMES)
    with certificate.private_key_and_cert_chain_pem.tempfile() as pem:
        config = _config(app, pem)
        config.load()  # reads the key, which is on disk no longer than this
    return uvicorn.Server(config)


def _config(app: CollectorApp, certificate: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=certificate,
    )
