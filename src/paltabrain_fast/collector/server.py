"""Runs the collector: HTTP and HTTPS on loopback, one process, one warehouse."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme
import uvicorn

from ..schema.model import Schema
from .app import BODY_SECONDS, CollectorApp, Counters
from .config_zip import config_zip
from .decode import Decoder
from .errors import CollectorError
from .layout import plan_layout
from .warehouse import Warehouse

_LOOPBACK: Final = "127.0.0.1"
_CERTIFIED_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_SHUTDOWN_SECONDS: Final = 2 * BODY_SECONDS
"""How long a stop waits for requests in flight: longer than any of them takes."""


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

    It accepts connections from the start of the block. At its end requests in flight are finished
    and ``db`` is closed, so that every batch that was answered 200 is in the file. The HTTPS
    certificate is made on the spot; its authority is written beside ``db``, to ``<db>.ca.pem``,
    under the same name at every start, so that a client's environment keeps fitting.

    Raises:
        CollectorError: a port is taken, ``db`` cannot be used, or the schema has no tables of
            distinct names.
    """
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(closing(_listen(number, option)))
            for number, option in ((port, "--port"), (https_port, "--https-port"))
        ]
        layout = plan_layout(schema)
        warehouse = stack.enter_context(closing(Warehouse(db, layout)))
        writer = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="warehouse"))
        app = CollectorApp(Decoder(schema, layout), warehouse, writer, config_zip(schema), api_key)
        ca_file = db.with_name(f"{db.name}.ca.pem")
        servers = [_http_server(app), _https_server(app, ca_file)]
        thread = threading.Thread(target=asyncio.run, args=(_serve(servers, sockets),))
        thread.start()
        try:
            http_port, https_port = (sock.getsockname()[1] for sock in sockets)
            yield Collector(http_port, https_port, ca_file, app.counters)
        finally:
            for server in servers:
                server.should_exit = True
            thread.join()


async def _serve(servers: list[uvicorn.Server], sockets: list[socket.socket]) -> None:
    await asyncio.gather(
        *(server.serve([sock]) for server, sock in zip(servers, sockets, strict=True))
    )


def _listen(port: int, option: str) -> socket.socket:
    sock = socket.socket()
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
    authority = trustme.CA()
    certificate = authority.issue_cert(*_CERTIFIED_NAMES)
    authority.cert_pem.write_to_path(ca_file)
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
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
