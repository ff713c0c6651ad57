"""The collector's HTTP routes: accept batches, serve the config module, report what is stored."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..constant import BATCH_MAX_BYTE_SIZE, CONTENT_TYPE, ENDPOINT_BATCH, ENDPOINT_CONFIG
from ..utils import time_ms
from .decode import Decoder, timestamp
from .errors import RefusedError
from .warehouse import Upload, Warehouse

SETTINGS_PATH: Final = "/v2/config"
_SETTINGS: Final = {
    "eventUploadThreshold": 30,
    "eventUploadMaxBatchSize": 100,
    "eventMaxCount": 1000,
    "eventUploadPeriod": 30,
    "minTimeBetweenSessions": 300,
}
"""Settings that the server sends to clients of other platforms: its defaults; times in seconds."""

_Result = TypeVar("_Result")

_DRAINED_BYTES: Final = 8 * BATCH_MAX_BYTE_SIZE
"""Bytes of an oversize body that are read and discarded before the connection is closed."""

BODY_SECONDS: Final = 10
"""Seconds that a body may take to arrive. On loopback, one that takes longer has stalled."""


@dataclass(slots=True)
class Counters:
    """Numbers since the start.

    Attributes:
        batches: batches stored.
        events: events stored.
        repeats: batches that were stored already.
        rejected: requests that were refused.
    """

    batches: int = 0
    events: int = 0
    repeats: int = 0
    rejected: int = 0


class CollectorApp:
    """The routes of one collector.

    The event loop's thread runs the routes. Whatever uses the warehouse or changes the counters
    runs in the thread of ``writer``. So storing does not block the event loop, and DuckDB is used
    by one thread only.

    Args:
        decoder: decodes bodies.
        warehouse: stores batches.
        writer: an executor with exactly one thread.
        config_zip: the config module as a ZIP.
        api_key: the key that requests must have; ``None`` accepts any key.
    """

    def __init__(
        self,
        decoder: Decoder,
        warehouse: Warehouse,
        writer: Executor,
        config_zip: bytes,
        api_key: str | None,
    ) -> None:
        self.counters = Counters()
        self._decoder = decoder
        self._warehouse = warehouse
        self._writer = writer
        self._config_zip = config_zip
        self._api_key = api_key
        self._stopping = False
        self._body_timeouts: set[asyncio.Timeout] = set()
        self.asgi = Starlette(
            routes=[
                Route("/", self._get_status, methods=["GET"]),
                Route(ENDPOINT_BATCH, self._post_batch, methods=["POST"]),
                Route(ENDPOINT_CONFIG, self._get_config, methods=["GET"]),
                Route(SETTINGS_PATH, self._get_settings, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _http_error, RefusedError: _refusal},
        )
        self.asgi.router.redirect_slashes = False

    async def stop(self) -> None:
        """Wait until the batch that is being stored is stored; refuse all others with 503."""
        self._stopping = True
        for timeout in self._body_timeouts:
            with suppress(RuntimeError):  # it has expired already
                timeout.reschedule(0)
        await self._on_writer(lambda: None)

    async def _get_status(self, request: Request) -> Response:
        del request
        return JSONResponse(await self._on_writer(self._warehouse.counts))

    async def _get_config(self, request: Request) -> Response:
        self._check_key(request)
        return Response(self._config_zip, media_type="application/zip")

    async def _get_settings(self, request: Request) -> Response:
        self._check_key(request)
        return JSONResponse(_SETTINGS)

    async def _post_batch(self, request: Request) -> Response:
        """Answer 200 once the batch is stored, now or earlier; else a 4xx with the reason."""
        body = await self._read_body(request)
        self._check_key(request)
        return JSONResponse(await self._on_writer(lambda: self._collect(request.headers, body)))

    async def _read_body(self, request: Request) -> bytes | None:
        """Read the body.

        Part of an oversize body is read and discarded: if the connection were closed while the
        client still sends, it would be reset, and the client would not see the answer.

        Returns:
            The body; ``None`` if it exceeds the limit of a batch. No more than the limit is kept in
            memory.

        Raises:
            HTTPException: 400 if the client hung up, 408 if it stopped sending, 503 if the
                collector is stopping.
        """
        self._refuse_if_stopping()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS) as timeout:
                self._body_timeouts.add(timeout)
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= BATCH_MAX_BYTE_SIZE:
                        chunks.append(chunk)
                    elif size > _DRAINED_BYTES:
                        break
        except ClientDisconnect:
            raise HTTPException(400, "the body ended early") from None
        except TimeoutError:
            self._refuse_if_stopping()
            raise HTTPException(
                408, f"the body took over {BODY_SECONDS} seconds", headers={"Connection": "close"}
            ) from None
        finally:
            self._body_timeouts.discard(timeout)
        return b"".join(chunks) if size <= BATCH_MAX_BYTE_SIZE else None

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise HTTPException(503, "the collector is stopping", headers={"Connection": "close"})

    async def _on_writer(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _collect(self, headers: Headers, body: bytes | None) -> dict[str, object]:
        """Store a batch; if it is refused, store the reason and raise. In the writer's thread.

        Args:
            headers: the headers of the request.
            body: the body; ``None`` if it was too large.

        Raises:
            RefusedError: the batch is refused.
            HTTPException: 503 if the collector is stopping.
        """
        self._refuse_if_stopping()
        upload = Upload(
            server_upload_ts=timestamp(time_ms()),
            sdk_name=headers.get("x-sdk-name"),
            sdk_version=headers.get("x-sdk-version"),
        )
        try:
            if body is None:
                raise RefusedError(413, f"the body exceeds {BATCH_MAX_BYTE_SIZE} bytes")
            _check_content_type(headers)
            upload = replace(upload, client_upload_ts=_client_upload_ts(headers))
            batch = self._decoder.decode(body)
        except RefusedError as refused:
            self._warehouse.reject(refused, upload, body)
            self.counters.rejected += 1
            raise
        if not self._warehouse.store(batch, upload):
            self.counters.repeats += 1
            return {"status": "repeated", "batch_id": batch.batch_id}
        self.counters.batches += 1
        self.counters.events += len(batch.events)
        return {"status": "stored", "batch_id": batch.batch_id, "events": len(batch.events)}

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("x-api-key", "").encode("latin-1")
        wanted = given if self._api_key is None else self._api_key.encode()
        if not given or not hmac.compare_digest(given, wanted):
            raise HTTPException(401, "the X-API-Key header is missing or wrong")


def _check_content_type(headers: Headers) -> None:
    content_type = headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise RefusedError(415, f"the Content-Type must be {CONTENT_TYPE}, not {content_type!r}")


def _client_upload_ts(headers: Headers) -> datetime | None:
    text = headers.get("x-sdk-client-upload-ts")
    if text is None:
        return None
    try:
        if not text.isascii() or not text.isdigit():
            raise ValueError(f"{text[:60]!r} is not a decimal number of milliseconds")
        return timestamp(int(text))
    except ValueError as error:
        raise RefusedError(400, f"X-SDK-Client-Upload-TS: {error}") from None


def _refusal(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RefusedError)
    # The client of a 413 may send for ever; uvicorn would read on to keep the connection open.
    headers = {"Connection": "close"} if error.status == 413 else None
    return JSONResponse(
        {"error": error.reason, "batch_id": error.batch_id}, error.status, headers=headers
    )


def _http_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
