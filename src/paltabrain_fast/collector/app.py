"""The collector's HTTP routes: those of the server, those of its HTTP API, and the live page."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..constant import BATCH_MAX_BYTE_SIZE, CONTENT_TYPE, ENDPOINT_BATCH, ENDPOINT_CONFIG
from ..utils import time_ms
from .api import Api
from .body import Bodies
from .conversion import timestamp
from .decode import DecodedBatch, Decoder, RefusedEvent
from .errors import RefusedError
from .guard import Guard
from .store import StoppingError, Store, StoringError
from .warehouse import Entry, Upload

SETTINGS_PATH: Final = "/v2/config"
_SETTINGS: Final = {
    "eventUploadThreshold": 30,
    "eventUploadMaxBatchSize": 100,
    "eventMaxCount": 1000,
    "eventUploadPeriod": 30,
    "minTimeBetweenSessions": 300,
}
"""Settings that the server sends to clients of other platforms: its defaults; times in seconds."""

PAGE: Final = Path(__file__).parent / "page"

_Result = TypeVar("_Result")


class CollectorApp:
    """The routes of one collector; they run in the event loop's thread.

    Args:
        decoder: decodes bodies, in a thread of its own.
        store: stores what arrives.
        api: the HTTP API.
        bodies: reads bodies.
        config_zip: the config module as a ZIP.
        api_key: the key that requests must have; ``None`` accepts any key.
        key_source: the option or variable that gave the key.
        is_strict: whether a batch with an event that does not fit the schema is refused as a whole.
        hosts: names and addresses by which clients reach it, beside those of loopback.
    """

    def __init__(
        self,
        decoder: Decoder,
        store: Store,
        api: Api,
        bodies: Bodies,
        config_zip: bytes,
        *,
        api_key: str | None,
        key_source: str,
        is_strict: bool,
        hosts: Iterable[str],
    ) -> None:
        self._decoder = decoder
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._store = store
        self._bodies = bodies
        self._config_zip = config_zip
        self._api_key = api_key
        self._key_source = key_source
        self._is_strict = is_strict
        routes = Starlette(
            routes=[
                Route("/", self._get_root, methods=["GET"]),
                Route(ENDPOINT_BATCH, self._post_batch, methods=["POST"]),
                Route(ENDPOINT_CONFIG, self._get_config, methods=["GET"]),
                Route(SETTINGS_PATH, self._get_settings, methods=["GET"]),
                *api.routes,
                Mount("/page", StaticFiles(directory=PAGE)),
            ],
            exception_handlers={
                HTTPException: _http_error,
                RefusedError: _refusal,
                StoppingError: _stopping,
                StoringError: _storing_failed,
            },
        )
        routes.router.redirect_slashes = False
        self.asgi = Guard(routes, hosts)

    async def stop(self) -> None:
        """Wait until what is being stored is stored; refuse all others with 503."""
        self._bodies.stop()
        await self._store.stop()

    def close(self) -> None:
        """End the threads; to be called when no request runs any more."""
        self._decoding.shutdown()

    async def _get_root(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return FileResponse(PAGE / "index.html")
        tally = self._store.tally
        return JSONResponse(
            {
                "batches": tally.batches,
                "rejected": tally.invalid,
                "events": {name: count.events for name, count in tally.by_type.items()},
            },
            headers={"Vary": "Accept"},
        )

    async def _get_config(self, request: Request) -> Response:
        self._check_key_of_download(request)
        return Response(self._config_zip, media_type="application/zip")

    async def _get_settings(self, request: Request) -> Response:
        self._check_key_of_download(request)
        return JSONResponse(_SETTINGS)

    async def _post_batch(self, request: Request) -> Response:
        """Answer 200 once the batch is stored, now or earlier; else a 4xx with the reason."""
        body = await self._bodies.read(request)
        wrong_key = self._wrong_key(request)
        if wrong_key is not None:
            await self._store.refuse(wrong_key, _upload(request), None)
            raise wrong_key
        self._bodies.refuse_if_stopping()
        upload = _upload(request)
        try:
            if body is None:
                raise RefusedError(413, f"the body exceeds {BATCH_MAX_BYTE_SIZE} bytes")
            _check_content_type(request.headers)
            upload = replace(upload, client_upload_ts=_client_upload_ts(request.headers))
            batch = await self._decode(body)
            if self._is_strict and batch.refused:
                raise _as_whole(batch, batch.refused[0])
        except RefusedError as refused:
            await self._store.refuse(refused, upload, body)
            raise
        written = await self._store.add(Entry(upload, batch))
        if written.last_id is None:
            return JSONResponse({"status": "repeated", "batch_id": batch.batch_id})
        if batch.refused and not batch.events:
            # The client counts its events as lost, which they are, and does not send them again.
            raise _as_whole(batch, batch.refused[0])
        answer: dict[str, object] = {
            "status": "stored",
            "batch_id": batch.batch_id,
            "events": batch.stored_events,
        }
        if batch.refused:
            answer["refused"] = len(batch.refused)
        return JSONResponse(answer)

    async def _decode(self, body: bytes) -> DecodedBatch:
        return await self._run(lambda: self._decoder.decode(body))

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._decoding, work)

    def _check_key_of_download(self, request: Request) -> None:
        """Refuse a wrong key where no event is lost by it: that is told, and not kept."""
        wrong_key = self._wrong_key(request)
        if wrong_key is not None:
            self._store.turn_away(wrong_key)
            raise wrong_key

    def _wrong_key(self, request: Request) -> RefusedError | None:
        given = request.headers.get("x-api-key", "").encode("latin-1")
        wanted = given if self._api_key is None else self._api_key.encode()
        if given and hmac.compare_digest(given, wanted):
            return None
        reason = "the X-API-Key header is missing"
        if given:
            reason = "the API key is not the one that the collector was started with"
            reason += f" ({self._key_source})"
        return RefusedError(401, f"{request.url.path}: {reason}")


def _upload(request: Request) -> Upload:
    return Upload(
        server_upload_ts=timestamp(time_ms()),
        sdk_name=request.headers.get("x-sdk-name"),
        sdk_version=request.headers.get("x-sdk-version"),
    )


def _as_whole(batch: DecodedBatch, event: RefusedEvent) -> RefusedError:
    """Return the error of a batch that is refused because of an event."""
    name = f" ({event.table.event.name})" if event.table else ""
    return RefusedError(
        422,
        f"event {event.number} of {batch.envelope['event_count']}{name}: {event.reason}",
        batch.batch_id,
        event.field,
        batch.envelope["instance_id"],
    )


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
    assert isinstance(error, RefusedError)
    # The client of a 413 may send for ever; uvicorn would read on to keep the connection open.
    headers = {"Connection": "close"} if error.status == 413 else None
    document: dict[str, object] = {"error": error.reason}
    if request.url.path == ENDPOINT_BATCH:
        document["batch_id"] = error.batch_id
    return JSONResponse(document, error.status, headers=headers)


def _http_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


def _stopping(request: Request, error: Exception) -> Response:
    del request, error
    return JSONResponse(
        {"error": "the collector is stopping"}, 503, headers={"Connection": "close"}
    )


def _storing_failed(request: Request, error: Exception) -> Response:
    """Answer 500, after which a client sends the batch again."""
    del request
    return JSONResponse({"error": f"the batch cannot be stored: {error}"}, 500)
