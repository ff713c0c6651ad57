"""The routes of the HTTP API: what arrived, counts, the stream, queries in SQL, the schema."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar

import duckdb
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .body import Bodies
from .errors import RefusedError
from .filters import (
    FILTER_PARAMETERS,
    PAGE_PARAMETERS,
    Filter,
    Page,
    read_filter,
    read_number,
    read_page,
    refuse_unknown,
)
from .objects import EventObject
from .querying import select
from .reading import Reader
from .store import StoppingError, Store
from .stream import stream

_Result = TypeVar("_Result")


class EventReading:
    """Reads events in threads of its own; its methods are called in the event loop's.

    Args:
        store: knows what there is to be read.
        readers: read, each for one request at a time.
        executor: an executor with as many threads.
    """

    def __init__(self, store: Store, readers: Iterable[Reader], executor: Executor) -> None:
        self._store = store
        self._readers = list(readers)
        self._executor = executor

    async def find(self, wanted: Filter, page: Page) -> list[EventObject]:
        """Return the events of a page.

        Raises:
            StoppingError: the collector stops, and has interrupted the search.
        """
        tally = self._store.tally
        seen, last_id = tally.types_seen(page.after), tally.last_id
        return await self._read(lambda reader: reader.events(wanted, page, seen, last_id))

    async def count(self, wanted: Filter, page: Page) -> int:
        """Return how many events a page had without its limit; raises as ``find()``."""
        seen = self._store.tally.types_seen(page.after)
        return await self._read(lambda reader: reader.count(wanted, page, seen))

    async def _read(self, work: Callable[[Reader], _Result]) -> _Result:
        def read() -> _Result:
            reader = self._readers.pop()  # there are as many as threads
            try:
                return work(reader)
            finally:
                self._readers.append(reader)

        return await _run(self._executor, read)


class Api:
    """The HTTP API of one collector; its routes run in the event loop's thread.

    Args:
        store: what is counted and reset.
        pages: reads the events of pages.
        live: reads those of the stream, which waits for no search.
        cursor: answers queries in SQL, in the thread of ``querying``.
        querying: an executor with one thread.
        bodies: reads bodies; knows whether the collector stops.
        about: what ``/api/health`` answers beside the status.
        schema: what ``/api/schema`` answers.
        openapi: what ``/openapi.json`` answers.
    """

    def __init__(
        self,
        store: Store,
        pages: EventReading,
        live: EventReading,
        cursor: duckdb.DuckDBPyConnection,
        querying: Executor,
        bodies: Bodies,
        about: dict[str, str],
        schema: dict[str, Any],
        openapi: dict[str, Any],
    ) -> None:
        self._store = store
        self._pages = pages
        self._live = live
        self._cursor = cursor
        self._querying = querying
        self._bodies = bodies
        self._about = about
        self._schema = schema
        self._openapi = openapi
        self.routes = [
            Route("/api/events", self._get_events, methods=["GET"]),
            Route("/api/events/{id}", self._get_event, methods=["GET"]),
            Route("/api/rejected", self._get_rejected, methods=["GET"]),
            Route("/api/counts", self._get_counts, methods=["GET"]),
            Route("/api/stream", self._get_stream, methods=["GET"]),
            Route("/api/health", self._get_health, methods=["GET"]),
            Route("/api/schema", self._get_schema, methods=["GET"]),
            Route("/api/reset", self._post_reset, methods=["POST"]),
            Route("/api/sql", self._post_sql, methods=["POST"]),
            Route("/openapi.json", self._get_openapi, methods=["GET"]),
        ]

    async def _get_events(self, request: Request) -> Response:
        return await self._page(request, valid=None)

    async def _get_rejected(self, request: Request) -> Response:
        return await self._page(request, valid=False)

    async def _page(self, request: Request, *, valid: bool | None) -> Response:
        self._refuse_unknown(request, *PAGE_PARAMETERS)
        wanted = read_filter(request.query_params, valid=valid)
        page = read_page(request.query_params)
        # One more tells whether there are more.
        events = await self._pages.find(wanted, replace(page, limit=page.limit + 1))
        following = events[page.limit - 1]["id"] if len(events) > page.limit else None
        return JSONResponse({"events": events[: page.limit], "next": following})

    def _refuse_unknown(self, request: Request, *others: str) -> None:
        parameters = (*FILTER_PARAMETERS, *others)
        refuse_unknown(request.query_params, parameters, self._store.tally.by_type)

    async def _get_event(self, request: Request) -> Response:
        text = request.path_params["id"]
        events: list[EventObject] = []
        if text.isascii() and text.isdigit() and len(text) <= 18:
            page = Page(before=int(text) + 1, after=int(text) - 1, limit=1)
            events = await self._pages.find(Filter(), page)
        if not events:
            return JSONResponse({"error": f"there is no event {text[:40]}"}, 404)
        return JSONResponse(events[0])

    async def _get_counts(self, request: Request) -> Response:
        del request
        return JSONResponse(self._store.tally.document())

    async def _get_health(self, request: Request) -> Response:
        del request
        status = "stopping" if self._bodies.is_stopping else "ok"
        return JSONResponse({"status": status, **self._about})

    async def _get_schema(self, request: Request) -> Response:
        del request
        return JSONResponse(self._schema)

    async def _get_openapi(self, request: Request) -> Response:
        del request
        return JSONResponse(self._openapi)

    async def _get_stream(self, request: Request) -> Response:
        self._refuse_unknown(request, "after")
        wanted = read_filter(request.query_params)
        after = read_number(request.query_params, "after")
        resumed = request.headers.get("last-event-id", "")
        if resumed.isascii() and resumed.isdigit() and len(resumed) <= 19:
            after = int(resumed)  # a browser sends it when it connects again
        messages = stream(
            self._store,
            self._live.find,
            self._live.count,
            wanted,
            after,
            lambda: self._bodies.is_stopping,
        )
        return StreamingResponse(messages, media_type="text/event-stream")

    async def _post_reset(self, request: Request) -> Response:
        del request
        self._bodies.refuse_if_stopping()
        return JSONResponse({"deleted": await self._store.reset()})

    async def _post_sql(self, request: Request) -> Response:
        body = await self._bodies.read(request)
        try:
            document = json.loads(body or b"")
        except ValueError:
            document = None
        query = document.get("query") if isinstance(document, dict) else None
        if not isinstance(query, str):
            raise RefusedError(400, 'the body must be JSON such as {"query": "SELECT 1"}')
        check = self._bodies.refuse_if_stopping
        answer = await _run(self._querying, lambda: select(self._cursor, query, check))
        return Response(answer, media_type="application/json")


async def _run(executor: Executor, work: Callable[[], _Result]) -> _Result:
    """Read in a thread; raise ``StoppingError`` if the stop of the collector interrupts it."""
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    except duckdb.InterruptException:
        raise StoppingError from None
