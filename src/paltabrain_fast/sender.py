"""Sends batches: a pool of daemon threads that posts each one, retries it and settles it."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from ._protocol import FramedBatch
from .constant import (
    BATCH_PATH,
    BATCH_STATUS_EXCEPTION,
    BATCH_STATUS_REJECT,
    BATCH_STATUS_SUCCESS,
    CONTENT_TYPE,
    SDK_NAME,
)
from .errors import BatchRejectedError, RetriesExhaustedError
from .ledger import Ledger
from .options import Options, base_url
from .reporting import Reporter, logger
from .sdk_pb2 import Batch
from .transport import Request, SendResult, Transport
from .utils import time_ms
from .version import __version__

__all__ = ["Sender"]

_MAX_THREADS: Final = 20
_BACKOFF_SECONDS: Final = 0.1
_MAX_BACKOFF_SECONDS: Final = 10.0
_MAX_RETRY_AFTER_SECONDS: Final = 30.0


class Sender:
    """Takes framed batches and brings each to its outcome, up to 20 at a time.

    Args:
        transport: makes single attempts.
        options: read at each attempt.
        ledger: where outcomes are entered.
        reporter: where failures are told.
        settled: called after each batch that was settled.
    """

    def __init__(
        self,
        transport: Transport,
        options: Options,
        ledger: Ledger,
        reporter: Reporter,
        settled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._options = options
        self._ledger = ledger
        self._reporter = reporter
        self._settled = settled
        self._queue: queue.SimpleQueue[FramedBatch | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._abandoned = threading.Event()
        self._lock = threading.Lock()

    def has_room(self) -> bool:
        """Tell whether another batch may be in flight."""
        return self._ledger.in_flight < self._options.max_in_flight

    def submit(self, batch: FramedBatch) -> None:
        """Put a batch in flight; does not wait for anything."""
        self._ledger.launch(batch)
        if logger.isEnabledFor(logging.DEBUG):
            self._reporter.log(logging.DEBUG, "%s", Batch.FromString(batch.body))
        self._queue.put(batch)
        self.ensure_threads(self._ledger.in_flight)

    def ensure_threads(self, wanted: int) -> None:
        """Start threads until there are as many as wanted, or as may be."""
        with self._lock:
            while len(self._threads) < min(_MAX_THREADS, wanted) and self._start_thread():
                pass

    def abandon(self) -> int:
        """Give up: settle what is in flight as lost, and wait for no retry any more.

        Returns:
            How many events that were.
        """
        self._abandoned.set()
        lost = 0
        for batch in self._ledger.unclaimed():
            if self._ledger.claim(batch):
                self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "shutdown_timeout")
                lost += batch.events
        return lost

    def stop(self, deadline: float | None) -> None:
        """Let the threads end, and wait for them until the deadline (``time.monotonic()``)."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> bool:
        thread = threading.Thread(
            target=self._work, name=f"paltabrain-sender-{len(self._threads)}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is on its way out
            if not self._threads:
                self._reporter.warn_sparingly("thread", "no thread to send batches: %s", error)
            return False
        self._threads.append(thread)
        return True

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            try:
                self._deliver(batch)
            # whatever a transport or a callback raises must cost neither the thread nor the ledger
            except BaseException as error:
                fault = error if isinstance(error, Exception) else RuntimeError(repr(error))
                self._reporter.batch_failed(batch.batch_id, fault)
                self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "exception")
            self._settled()

    def _deliver(self, batch: FramedBatch) -> None:
        started = time.monotonic()
        attempts = 0
        while not self._abandoned.is_set():
            result = self._attempt(batch, retry=attempts > 0)
            attempts += 1
            if result.status == 200:
                if self._ledger.claim(batch):
                    self._reporter.batch_succeeded(batch.batch_id, time.monotonic() - started)
                    self._ledger.settle(batch, BATCH_STATUS_SUCCESS)
                return
            if result.status is not None and not _asks_for_retry(result.status):
                self._reject(batch, result.status)
                return
            if attempts >= self._options.flush_max_retries or self._abandoned.wait(
                _delay(attempts, result.retry_after)
            ):
                self._fail(
                    batch, result.error or RetriesExhaustedError(result.status or 0, attempts)
                )
                return
        if self._ledger.claim(batch):
            self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "shutdown_timeout")

    def _attempt(self, batch: FramedBatch, *, retry: bool) -> SendResult:
        options = self._options
        request = Request(
            url=base_url(options.hostname) + BATCH_PATH,
            body=batch.body,
            headers={
                "Content-Type": CONTENT_TYPE,
                "X-API-Key": options.api_key,
                "X-SDK-Name": SDK_NAME,
                "X-SDK-Version": __version__,
                "X-SDK-Client-Upload-TS": str(time_ms()),
            },
            timeout=options.request_timeout,
        )
        self._ledger.attempt(retry=retry)
        try:
            return self._transport.send(request)
        except Exception as error:
            return SendResult(error=error)

    def _reject(self, batch: FramedBatch, status: int) -> None:
        if self._ledger.claim(batch):
            error = BatchRejectedError(status)
            self._reporter.batch_rejected(batch.batch_id, status, error)
            self._ledger.settle(batch, BATCH_STATUS_REJECT, "rejected")
            self._reporter.tell(error)

    def _fail(self, batch: FramedBatch, error: Exception) -> None:
        if self._ledger.claim(batch):
            self._reporter.batch_failed(batch.batch_id, error)
            self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "exception")
            self._reporter.tell(error)


def _asks_for_retry(status: int) -> bool:
    return status in (408, 429) or 500 <= status <= 599


def _delay(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: what the server asks for, else exponential, full jitter."""
    if retry_after is not None:
        return min(retry_after, _MAX_RETRY_AFTER_SECONDS)
    most = min(_BACKOFF_SECONDS * 2.0 ** min(attempts, 32), _MAX_BACKOFF_SECONDS)
    return random.uniform(0.0, most)
