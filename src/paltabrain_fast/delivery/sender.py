"""Brings each batch to its outcome: attempts, retries, refusals, batches that must be split."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from functools import partial
from typing import Final

from .._engine.choice import uuid_v7
from .._engine.protocol import FramedBatch
from ..constant import (
    BATCH_STATUS_EXCEPTION,
    BATCH_STATUS_REJECT,
    BATCH_STATUS_SUCCESS,
    CONTENT_TYPE,
    ENDPOINT_BATCH,
    SDK_NAME,
)
from ..errors import BatchRejectedError, DropReason, ErrorInfo, RetriesExhaustedError
from ..options import Options
from ..process.clock import monotonic
from ..process.fork_barrier import guarded
from ..sdk_pb2 import Batch, BatchTelemetry
from ..transport import Request, SendResult, Transport
from ..transport.urls import base_url
from ..utils import time_ms
from ..version import __version__
from .ledger import Ledger
from .notify import Reporter
from .workers import Pool

__all__ = ["FROZEN_SECONDS", "Delivery", "Sender"]

_BATCH_SECONDS: Final = 300.0
"""How long the attempts of a batch, and the waits between them, may take in all."""

FROZEN_SECONDS: Final = 0.5
"""What ends so long after its time was over has not had that time: the process stood still."""

_BACKOFF_SECONDS: Final = 0.1
_MAX_BACKOFF_SECONDS: Final = 10.0
_MAX_RETRY_AFTER_SECONDS: Final = 30.0
_TOO_LARGE_STATUS: Final = 413

_random = random.SystemRandom()  # which a fork does not repeat


class Delivery:
    """A batch on its way, and how many seconds it has left; while it is frozen, none go by."""

    __slots__ = ("attempts", "batch", "begun", "cut_short", "late", "launched", "left", "started")

    def __init__(self, batch: FramedBatch, left: float | None = None) -> None:
        self.batch = batch
        self.begun = self.launched = self.late = False
        self.attempts = self.cut_short = 0
        self.started = monotonic()
        self.left = _BATCH_SECONDS if left is None else left


class Sender:
    """Takes framed batches and brings each to its outcome, as many at a time as the pool allows.

    Args:
        transport: makes single attempts.
        options: read at each attempt.
        ledger: where outcomes are entered.
        reporter: where failures are told.
        pool: where attempts run.
        settled: called after each batch that was settled.
    """

    def __init__(
        self,
        transport: Transport,
        options: Options,
        ledger: Ledger,
        reporter: Reporter,
        pool: Pool,
        settled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._options = options
        self._ledger = ledger
        self._reporter = reporter
        self._pool = pool
        self._settled = settled
        self._last_attempt = math.inf
        self._has_given_up = False

    def has_room(self) -> bool:
        """Tell whether another batch may be in flight."""
        return self._ledger.in_flight < self._options.max_in_flight

    def submit(self, delivery: Delivery, report: BatchTelemetry | None) -> None:
        """Put a batch in flight; does not wait for anything."""
        batch, entered = delivery.batch, False
        try:
            delivery.launched = True  # or settled below
            self._ledger.launch(batch, report)
            entered = True
            self._pool.enqueue(partial(self._deliver, delivery))
        except BaseException:  # such as a signal handler's; the batch has an outcome nevertheless
            if not delivery.begun:
                if not entered:
                    self._ledger.launch(batch, report)
                self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "internal_error")
            raise
        self._pool.provide_thread()

    def end_by(self, deadline: float | None) -> None:
        """Let no attempt last beyond the deadline (``monotonic()``)."""
        self._last_attempt = math.inf if deadline is None else deadline

    def abandon(self) -> int:
        """Give up: settle what is in flight as lost.

        Returns:
            How many events that were.
        """
        self._has_given_up = True
        lost = 0
        for batch in self._ledger.unclaimed():
            if self._ledger.claim(batch):
                self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "deadline")
                lost += batch.events
        return lost

    def _deliver(self, delivery: Delivery) -> float | None:
        """Make the next attempt, if it is still wanted.

        Returns:
            Seconds until the one after it, ``None`` if the batch has come to its outcome.
        """
        batch = delivery.batch
        try:
            delivery.begun = True
            if self._ledger.is_claimed(batch):
                return None
            delay = self._attempt(delivery)
        except BaseException as error:  # whatever happens, the batch has an outcome
            self._reporter.warn_sparingly("sender", "sending failed: %r", error)
            if self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, "internal_error"):
                told = error if isinstance(error, Exception) else RuntimeError(repr(error))
                self._reporter.last_request_error = told
                self._reporter.tell(told, ErrorInfo("internal_error", batch.events, batch.batch_id))
            delay = None
        if delay is None:
            self._settled()
        return delay

    def _attempt(self, delivery: Delivery) -> float | None:
        result = self._send(delivery)
        status = result.status
        if status is not None and 200 <= status <= 299:
            self._succeed(delivery)
        elif status == _TOO_LARGE_STATUS and delivery.batch.events > 1:
            self._split(delivery)
        elif status is not None and not _asks_for_retry(status):
            self._reject(delivery.batch, status)
        else:
            return self._retry(delivery, result)
        return None

    def _send(self, delivery: Delivery) -> SendResult:
        batch = delivery.batch
        if not delivery.attempts and self._reporter.is_debugging:
            self._reporter.log(logging.DEBUG, "%s", Batch.FromString(batch.body))
        begun = monotonic()
        latest = begun + self._options.request_timeout
        end, lent_until = min(begun + delivery.left, self._last_attempt), self._pool.lent_until()
        self._ledger.attempt(retry=delivery.attempts > 0)
        delivery.attempts += 1
        try:
            with guarded(min(end, lent_until)):
                result = self._transport.send(self._request(batch, min(end, lent_until)))
        except Exception as error:
            result = SendResult(error=error)
        over, due = monotonic(), min(latest, end, lent_until)
        late = over > due + FROZEN_SECONDS
        frozen = late and not delivery.late  # twice in a row, it is a resolver that takes its time
        delivery.late = late
        if not frozen:
            delivery.left -= max(0.0, min(over, due) - begun)
        if result.status is None and (frozen or lent_until < min(latest, end)):
            delivery.cut_short += 1
        return result

    def _request(self, batch: FramedBatch, end: float) -> Request:
        options = self._options
        return Request(
            url=base_url(options.hostname) + ENDPOINT_BATCH,
            body=batch.body,
            headers={
                "Content-Type": CONTENT_TYPE,
                "X-API-Key": options.api_key,
                "X-SDK-Name": SDK_NAME,
                "X-SDK-Version": __version__,
                "X-SDK-Client-Upload-TS": str(time_ms()),
            },
            timeout=min(options.request_timeout, max(0.001, end - monotonic())),
        )

    def _succeed(self, delivery: Delivery) -> None:
        batch = delivery.batch
        if self._ledger.claim(batch):
            try:
                self._reporter.batch_succeeded(batch.batch_id, monotonic() - delivery.started)
            finally:  # delivered is delivered
                self._ledger.settle(batch, BATCH_STATUS_SUCCESS)

    def _reject(self, batch: FramedBatch, status: int) -> None:
        if self._ledger.claim(batch):
            error = BatchRejectedError(status)
            self._reporter.batch_rejected(batch.batch_id, status, error)
            self._reporter.tell(error, ErrorInfo("rejected", batch.events, batch.batch_id))
            self._ledger.settle(batch, BATCH_STATUS_REJECT, "rejected")

    def _retry(self, delivery: Delivery, result: SendResult) -> float | None:
        delay = _delay(delivery.attempts, result.retry_after)
        reason: DropReason = "deadline"
        # one cut short by a flush's own timeout, or by a freeze, says nothing about the server
        if delivery.attempts - delivery.cut_short >= self._options.flush_max_retries:
            reason = "retries_exhausted"
        elif delay <= delivery.left:
            delivery.left -= delay
            return delay
        batch = delivery.batch
        error = result.error or RetriesExhaustedError(result.status or 0, delivery.attempts)
        if self._ledger.claim(batch):
            self._reporter.batch_failed(batch.batch_id, error)
            self._reporter.tell(error, ErrorInfo(reason, batch.events, batch.batch_id))
            self._ledger.settle(batch, BATCH_STATUS_EXCEPTION, reason)
        return None

    def _split(self, delivery: Delivery) -> None:
        batch = delivery.batch
        halves = _halves(batch)
        if self._ledger.claim(batch):
            self._reporter.log(
                logging.INFO, "Batch %s is too large for the API, and sent in two", batch.batch_id
            )
            self._ledger.split(batch, halves)
            for half in halves:
                part = Delivery(half, delivery.left)
                self._pool.enqueue(partial(self._deliver, part))
            for _ in halves:
                self._pool.provide_thread()
            if self._has_given_up:  # meanwhile
                self.abandon()


def _asks_for_retry(status: int) -> bool:
    return status in (408, 429) or 500 <= status <= 599


def _delay(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: exponential, full jitter; never less than the server asks."""
    most = min(_BACKOFF_SECONDS * 2.0 ** min(attempts, 32), _MAX_BACKOFF_SECONDS)
    backoff = _random.uniform(0.0, most)
    if retry_after is None or not retry_after > backoff:  # or none, or no number
        return backoff
    return min(retry_after, _MAX_RETRY_AFTER_SECONDS)


def _halves(batch: FramedBatch) -> list[FramedBatch]:
    """Two batches in place of one, the telemetry in the first.

    Each stands for all the events that the whole one stood for: they are settled with the later.
    """
    whole = Batch.FromString(batch.body)
    middle = batch.events // 2
    halves: list[FramedBatch] = []
    for events in whole.events[:middle], whole.events[middle:]:
        half = Batch(context=whole.context, events=events)
        half.common.CopyFrom(whole.common)
        half.common.batch_id = uuid_v7()
        if not halves and whole.HasField("telemetry"):
            half.telemetry.CopyFrom(whole.telemetry)
        halves.append(
            batch._replace(
                body=half.SerializeToString(),
                batch_id=half.common.batch_id,
                events=len(events),
            )
        )
    return halves
