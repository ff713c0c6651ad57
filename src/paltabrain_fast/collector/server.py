"""Runs a collector: HTTP and HTTPS on loopback, in a thread of this process."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import uvicorn

from ..schema.model import Schema
from ..version import __version__
from .api import Api, EventReading
from .app import CollectorApp
from .authority import load_or_create_authority
from .body import Bodies
from .bundle import write_bundle
from .config_zip import config_zip
from .decode import Decoder
from .guard import LOCAL_HOSTS
from .layout import plan_layout
from .listening import Listener, is_unspecified, listen
from .notices import OnNotice
from .openapi import openapi_document
from .reading import Reader
from .schema_document import schema_document
from .store import Store
from .tally import Tally
from .warehouse import Warehouse

_REQUEST_BYTES: Final = 2**20
"""Largest size of a request's head: a filter by the longest text, escaped in its path, fits."""

_PAGES_AT_ONCE: Final = 3
"""Pages of events that are read at once: one slow search leaves threads for other clients."""

_ANSWER_SECONDS: Final = 0.2
"""Seconds that a stop gives answers to be sent before it closes the connections."""

_ANSWER_STEPS: Final = 10
"""Parts of that time. A pause of the whole process takes one of them, and not all the time."""

_YOUNG_OBJECTS: Final = 50_000
"""New objects after which Python looks for garbage among them."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A running collector.

    Attributes:
        http_port: port of HTTP on 127.0.0.1.
        https_port: port of HTTPS on 127.0.0.1.
        ca_file: PEM file of the authority that signed the HTTPS certificate.
        bundle_file: PEM file of the usual authorities with that one, to be named by
            ``REQUESTS_CA_BUNDLE``.
        counters: the counts; read them only.
    """

    http_port: int
    https_port: int
    ca_file: Path
    bundle_file: Path
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
    key_source: str = "--api-key",
    hosts: Sequence[str] = (),
    strict: bool = False,
    schema_name: str = "",
    on_notice: OnNotice | None = None,
) -> Iterator[Collector]:
    """Run a collector, in a thread of its own, while the block of the ``with`` statement runs.

    It accepts connections from the start of the block. At the end of the block it finishes and
    answers the batch that it is storing, answers 503 to requests that wait, and closes all
    connections, even if a client is still sending. Then it closes ``db``. Every batch that was
    answered with 200 is in the file. Meanwhile the process looks for garbage less often.

    The HTTPS certificate is made at each start. The authority that signs it is kept beside ``db``,
    in ``<db>.ca.pem`` and ``<db>.ca.key``, so that clients go on to trust it. Only the owner can
    read the key. ``<db>.ca-bundle.pem`` has the authorities that clients trust anyway, too.

    Args:
        schema: the schema of the events.
        db: the DuckDB file; it is created if it is missing.
        port: port of HTTP; 0 means any free one.
        https_port: port of HTTPS; 0 means any free one.
        api_key: the key that requests must have; ``None`` accepts any key, but not a missing one.
        key_source: the option or variable that gave the key, for who sends another one.
        hosts: names and addresses by which clients beyond this machine reach it. It listens on the
            addresses, too; if there is a name, on all of IPv4.
        strict: refuse a batch as a whole if one of its events does not fit the schema; otherwise
            its valid events are stored.
        schema_name: what ``/api/health`` tells as the name of the schema.
        on_notice: called in the collector's thread with each event or request that was refused, and
            with each report of an SDK on what it has lost.

    Raises:
        CollectorError: a port is in use, a host is none, ``db`` cannot be used, or two events or
            properties of the schema need the same table or column.
    """
    with ExitStack() as stack:
        groups = [
            [stack.enter_context(closing(each)) for each in listen(number, option, hosts)]
            for number, option in ((port, "--port"), (https_port, "--https-port"))
        ]
        layout = plan_layout(schema)
        warehouse = stack.enter_context(closing(Warehouse(db, layout)))
        described = schema_document(schema, layout)
        warehouse.keep_schema(json.dumps(described))
        cursors = [
            stack.enter_context(closing(warehouse.cursor())) for _ in range(_PAGES_AT_ONCE + 2)
        ]
        live, query, *pages = cursors
        # Their threads end before the cursors are closed, which is refused to one that is in use.
        threads = {"writer": 1, "pages": _PAGES_AT_ONCE, "stream": 1, "query": 1}
        writer, paging, streaming, querying = (
            stack.enter_context(ThreadPoolExecutor(number, thread_name_prefix=name))
            for name, number in threads.items()
        )
        store = Store(warehouse, writer, on_notice)
        bodies = Bodies()
        api = Api(
            store,
            EventReading(store, [Reader(each, layout) for each in pages], paging),
            EventReading(store, [Reader(live, layout)], streaming),
            query,
            querying,
            bodies,
            {"version": __version__, "schema": schema_name, "db": str(db.absolute())},
            described,
            openapi_document(),
        )
        app = CollectorApp(
            Decoder(schema, layout),
            store,
            api,
            bodies,
            config_zip(schema),
            api_key=api_key,
            key_source=key_source,
            is_strict=strict,
            hosts=hosts,
        )
        stack.callback(app.close)
        ca_file = db.with_name(f"{db.name}.ca.pem")
        servers = [_http_server(app), _https_server(app, ca_file, hosts)]
        bundle_file = db.with_name(f"{db.name}.ca-bundle.pem")
        write_bundle(bundle_file, ca_file.read_bytes())
        stack.enter_context(_rare_collections())
        stopping = threading.Event()
        thread = threading.Thread(
            target=asyncio.run, args=(_serve(app, servers, groups, cursors, stopping),)
        )
        thread.start()
        try:
            http_port, https_port = (group[0].getsockname()[1] for group in groups)
            yield Collector(http_port, https_port, ca_file, bundle_file, store.tally)
        finally:
            stopping.set()
            thread.join()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have Python look for garbage less often, and not among what is there already.

    The thousands of objects of a batch are freed without. To look through them, and through all the
    others again and again, would take a sixth of the time.
    """
    young, *old = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(young and max(young, _YOUNG_OBJECTS), *old)  # 0 means never
    try:
        yield
    finally:
        gc.set_threshold(young, *old)
        gc.unfreeze()


async def _serve(
    app: CollectorApp,
    servers: list[uvicorn.Server],
    groups: list[list[Listener]],
    cursors: list[duckdb.DuckDBPyConnection],
    stopping: threading.Event,
) -> None:
    serving = asyncio.gather(
        *(server.serve(list(group)) for server, group in zip(servers, groups, strict=True))
    )
    await asyncio.to_thread(stopping.wait)
    for server in servers:
        server.should_exit = True
    for cursor in cursors:
        cursor.interrupt()
    await app.stop()
    for _ in range(_ANSWER_STEPS):
        await asyncio.sleep(_ANSWER_SECONDS / _ANSWER_STEPS)
    while not serving.done():
        # A client may connect just before its listener closes, a query begin just after it was
        # interrupted.
        for cursor in cursors:
            cursor.interrupt()
        for group in groups:
            for listener in group:
                listener.hang_up()
        await asyncio.wait({serving}, timeout=0.1)
    await serving


def _http_server(app: CollectorApp) -> uvicorn.Server:
    return uvicorn.Server(_config(app))


def _https_server(app: CollectorApp, ca_file: Path, hosts: Sequence[str]) -> uvicorn.Server:
    authority = load_or_create_authority(ca_file, ca_file.with_suffix(".key"))
    names = [host for host in hosts if not is_unspecified(host)]
    certificate = authority.issue_cert(*dict.fromkeys((*LOCAL_HOSTS, *names)))
    with certificate.private_key_and_cert_chain_pem.tempfile() as pem:
        config = _config(app, pem)
        config.load()  # reads the key from the temporary file, which is deleted then
    return uvicorn.Server(config)


def _config(app: CollectorApp, certificate: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http="h11",
        h11_max_incomplete_event_size=_REQUEST_BYTES,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ssl_certfile=certificate,
    )
