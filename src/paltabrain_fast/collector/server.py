"""Runs a collector: HTTP and HTTPS on loopback, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import uvicorn

from ..schema.model import Schema
from .api import Api
from .app import CollectorApp
from .authority import load_or_create_authority
from .body import Bodies
from .config_zip import config_zip
from .decode import Decoder
from .errors import CollectorError
from .guard import LOCAL_HOSTS
from .layout import plan_layout
from .objects import EventObject
from .openapi import openapi_document
from .reading import Reader
from .schema_document import schema_document
from .store import Store
from .tally import Tally
from .warehouse import Warehouse

_LOOPBACK: Final = "127.0.0.1"
_ANSWER_SECONDS: Final = 0.2
"""Seconds that a stop gives answers to be sent before it closes the connections."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A running collector.

    Attributes:
        http_port: port of HTTP on 127.0.0.1.
        https_port: port of HTTPS on 127.0.0.1.
        ca_file: PEM file of the authority that signed the HTTPS certificate.
        counters: the counts; read them only.
    """

    http_port: int
    https_port: int
    ca_file: Path
    counters: Tally

    @property
    def hostname(self) -> str:
        """The ``hostname`` to give to an SDK, which uses HTTPS."""
        return f"localhost:{self.https_port}"

    @property
    def http_url(self) -> str:
        """URL of the same service without TLS."""
        return f"http://localhost:{self.http_port}"


@contextmanager
def running(
    schema: Schema,
    db: Path,
    *,
    port: int = 0,
    https_port: int = 0,
    api_key: str | None = None,
    strict: bool = False,
    schema_name: str = "",
    on_refused: Callable[[EventObject], None] | None = None,
) -> Iterator[Collector]:
    """Run a collector, in a thread of its own, while the block of the ``with`` statement runs.

    It accepts connections from the start of the block. At the end of the block it finishes and
    answers the batch that it is storing, answers 503 to requests that wait, and closes all
    connections, even if a client is still sending. Then it closes ``db``. Every batch that was
    answered with 200 is in the file.

    The HTTPS certificate is made at each start. The authority that signs it is kept beside ``db``,
    in ``<db>.ca.pem`` and ``<db>.ca.key``, so that clients go on to trust it. Only the owner can
    read the key.

    Args:
        schema: the schema of the events.
        db: the DuckDB file; it is created if it is missing.
        port: port of HTTP; 0 means any free one.
        https_port: port of HTTPS; 0 means any free one.
        api_key: the key that requests must have; ``None`` accepts any key, but not a missing one.
        strict: refuse a batch as a whole if one of its events does not fit the schema; otherwise
            its valid events are stored.
        schema_name: what ``/api/health`` tells as the name of the schema.
        on_refused: called in the collector's thread with each event or request that was refused.

    Raises:
        CollectorError: a port is in use, ``db`` cannot be used, or two events or properties of the
            schema need the same table or column.
    """
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(closing(_listen(number, option)))
            for number, option in ((port, "--port"), (https_port, "--https-port"))
        ]
        layout = plan_layout(schema)
        warehouse = stack.enter_context(closing(Warehouse(db, layout)))
        writer, reading, querying = (
            stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix=name))
            for name in ("writer", "reader", "query")
        )
        cursors = [stack.enter_context(closing(warehouse.cursor())) for _ in range(2)]
        store = Store(warehouse, writer, on_refused)
        bodies = Bodies()
        api = Api(
            store,
            Reader(cursors[0], layout),
            reading,
            cursors[1],
            querying,
            bodies,
            schema_name,
            schema_document(schema, layout),
            openapi_document(),
        )
        app = CollectorApp(
            Decoder(schema, layout),
            store,
            api,
            bodies,
            config_zip(schema),
            api_key=api_key,
            is_strict=strict,
            hosts=(),
        )
        stack.callback(app.close)
        ca_file = db.with_name(f"{db.name}.ca.pem")
        servers = [_http_server(app), _https_server(app, ca_file)]
        stopping = threading.Event()
        thread = threading.Thread(
            target=asyncio.run, args=(_serve(app, servers, listeners, stopping),)
        )
        thread.start()
        try:
            http_port, https_port = (sock.getsockname()[1] for sock in listeners)
            yield Collector(http_port, https_port, ca_file, store.tally)
        finally:
            stopping.set()
            for cursor in cursors:
                cursor.interrupt()
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
    while not serving.done():  # a client may connect just before its listener closes
        for listener in listeners:
            listener.hang_up()
        await asyncio.wait({serving}, timeout=0.1)
    await serving


class _Listener(socket.socket):
    """A listening socket that can close the connections that it accepted.

    It is needed since uvicorn, when it stops, waits for its clients: for a TLS handshake to end, or
    for an idle client to close its connection.
    """

    def __init__(self) -> None:
        # Given the protocol, asyncio sets TCP_NODELAY. Without that, the second part of an answer
        # waits up to 40 ms, until the client has acknowledged the first.
        super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
    authority = load_or_create_authority(ca_file, ca_file.with_suffix(".key"))
    certificate = authority.issue_cert(*LOCAL_HOSTS)
    with certificate.private_key_and_cert_chain_pem.tempfile() as pem:
        config = _config(app, pem)
        config.load()  # reads the key from the temporary file, which is deleted then
    return uvicorn.Server(config)


def _config(app: CollectorApp, certificate: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ssl_certfile=certificate,
    )
