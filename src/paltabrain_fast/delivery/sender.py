"""The policy of an attempt: what is sent, and whether a batch is settled, split or sent again.

The only place where a retry is decided. It has no thread and no lock: ``workers`` calls it, and the
state of a batch, which the ledger keeps, sees to it that one thread at a time has that batch.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from functools import partial
from typing import Final

from .._engine.choice import uuid_v7
from ..constant import (
    BATCH_STATUS_EXCEPTION,
    BATCH_STATUS_REJECT,
    BATCH_STATUS_SUCCESS,
    CONTENT_TYPE,
    ENDPOINT_BATCH,
    SDK_NAME,
)
from ..errors import BatchRejectedError, Diagnosis, DropReason, RetriesExhaustedError
from ..options import Options
from ..process.clock import monotonic
from ..process.fork_barrier import hold_forks
from ..sdk_pb2 import Batch as BatchMessage
from ..transport import Request, SendResult, Transport
from ..transport.urls import base_url
from ..utils import time_ms
from ..version import __version__
from .batch import Batch
from .diagnosis import diagnose, internal_error
from .ledger import Ledger
from .notify import Reporter

__all__ = ["FROZEN_SECONDS", "Sender"]

FROZEN_SECONDS: Final = 0.5
"""An attempt, or a wait, that ends so long after its deadline was not slow: the process was frozen,
as by SIGSTOP or the sleep of a laptop."""

_BACKOFF_SECONDS: Final = 0.1
_MAX_BACKOFF_SECONDS: Final = 10.0
_MAX_RETRY_AFTER_SECONDS: Final = 30.0
_TOO_LARGE_STATUS: Final = 413

_random = random.SystemRandom()  # which a fork does not repeat


class Sender:
    """Makes the attempts of a batch, one at a time, until it is settled.

    Args:
        transport: makes single attempts.
        options: read at each attempt.
        ledger: where outcomes are entered.
        reporter: where failures are told.
        resubmit: has each of the two halves sent into which a batch was split.
        on_settled: called after each batch that was settled, or split.
    """

    def __init__(
        self,
        transport: Transport,
        options: Options,
        ledger: Ledger,
        reporter: Reporter,
        resubmit: Callable[[Batch], None],
        on_settled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._options = options
        self._ledger = ledger
        self._reporter = reporter
        self._resubmit = resubmit
        self._on_settled = on_settled
        self._latest_end = math.inf

    def end_by(self, deadline: float | None) -> None:
        """Let no attempt that begins from now on last beyond the deadline of a shutdown."""
        self._latest_end = math.inf if deadline is None else deadline

    def attempt(self, batch: Batch, until: float = math.inf) -> float | None:
        """Make the next attempt, if it is still wanted; called in any thread.

        Args:
            batch: is in flight; nobody else makes an attempt meanwhile.
            until: when the caller's own timeout ends the attempt, by ``monotonic()``.

        Returns:
            Seconds until the attempt after it; ``None`` if there is none.
        """
        try:
            if not self._ledger.begin_attempt(batch):
                return None
            delay = self._evaluate(batch, self._send(batch, until))
        except BaseException as error:  # whatever happens, the batch has an outcome
            told = error if isinstance(error, Exception) else RuntimeError(repr(error))
            self._give_up(batch, "internal_error", told, internal_error(error))
            delay = None
        if delay is None:
            self._on_settled()
        return delay

    def _send(self, batch: Batch, until: float) -> SendResult:
        if batch.attempts == 1 and self._reporter.is_debugging:
            self._reporter.log(logging.DEBUG, "%s", BatchMessage.FromString(batch.frame.body))
        begun = monotonic()
        latest = begun + self._options.request_timeout
        end = min(begun + batch.seconds_left, self._latest_end, until)
        try:
            with hold_forks(end):
                result = self._transport.send(self._request(batch, end))
        except Exception as error:
            result = SendResult(error=error)
        over, due = monotonic(), min(latest, end)
        is_late = over > due + FROZEN_SECONDS
        # late twice in a row is a name resolution, which ends at no deadline
        was_frozen = is_late and not batch.is_late
        batch.is_late = is_late
        if not was_frozen:
            batch.seconds_left -= max(0.0, min(over, due) - begun)
        own_end = min(latest, begun + batch.seconds_left, self._latest_end)
        # an attempt that the caller's timeout or a freeze has ended says nothing about the server
        if result.status is None and (was_frozen or until < own_end):
            batch.cut_short += 1
        return result

    def _request(self, batch: Batch, end: float) -> Request:
        options = self._options
        return Request(
            url=base_url(options.hostname) + ENDPOINT_BATCH,
            body=batch.frame.body,
            headers={
                "Content-Type": CONTENT_TYPE,
                "X-API-Key": options.api_key,
                "X-SDK-Name": SDK_NAME,
                "X-SDK-Version": __version__,
                "X-SDK-Client-Upload-TS": str(time_ms()),
            },
            timeout=min(options.request_timeout, max(0.001, end - monotonic())),
        )

    def _evaluate(self, batch: Batch, result: SendResult) -> float | None:
        """Decide what follows from the result of an attempt."""
        status = result.status
        if status is not None and 200 <= status <= 299:
            self._reporter.fault = None
            seconds = monotonic() - batch.started
            report = partial(self._reporter.batch_succeeded, batch.id, seconds)
            self._settle(batch, BATCH_STATUS_SUCCESS, report)
        elif status == _TOO_LARGE_STATUS and batch.frame.events > 1:
            self._split(batch)
        elif status is not None and not _asks_for_retry(status):
            error = BatchRejectedError(status, result.reason)
            report = partial(self._reporter.batch_rejected, batch.id, batch.frame.events, error)
            diagnosis = diagnose(error, self._options)
            self._settle(batch, BATCH_STATUS_REJECT, report, "rejected", diagnosis)
        else:
            return self._retry(batch, result)
        return None

    def _retry(self, batch: Batch, result: SendResult) -> float | None:
        status = result.status or 0
        error = result.error or RetriesExhaustedError(status, batch.attempts, result.reason)
        self._reporter.fault = fault = diagnose(error, self._options)
        delay = _delay(batch.attempts, result.retry_after)
        reason: DropReason = "deadline"
        if batch.attempts - batch.cut_short >= self._options.flush_max_retries:
            reason = "retries_exhausted"
        elif delay <= batch.seconds_left:
            batch.seconds_left -= delay
            return delay if self._ledger.postpone(batch) else None
        self._give_up(batch, reason, error, fault)
        return None

    def _give_up(
        self, batch: Batch, reason: DropReason, error: Exception, diagnosis: Diagnosis
    ) -> None:
        report = partial(self._reporter.batch_failed, batch.id, batch.frame.events, reason, error)
        self._settle(batch, BATCH_STATUS_EXCEPTION, report, reason, diagnosis)

    def _settle(
        self,
        batch: Batch,
        status: str,
        report: Callable[[], object],
        reason: DropReason | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> None:
        """Report the outcome, then enter it; unless somebody else has."""
        if self._ledger.claim(batch):
            try:
                report()
            finally:
                self._ledger.settle(batch, status, reason, diagnosis)

    def _split(self, batch: Batch) -> None:
        halves = _halves(batch)
        if self._ledger.claim(batch):
            try:
                self._reporter.log(
                    logging.INFO, "Batch %s is too large for the API, and sent in two", batch.id
                )
            finally:
                self._ledger.split(batch, halves)
                for half in halves:
                    self._resubmit(half)


def _asks_for_retry(status: int) -> bool:
    return status in (408, 429) or 500 <= status <= 599


def _delay(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: exponential, full jitter; never less than the server asks."""
    most = min(_BACKOFF_SECONDS * 2.0 ** min(attempts, 32), _MAX_BACKOFF_SECONDS)
    backoff = _random.uniform(0.0, most)
    # "not >", since a transport of the user's may return NaN
    if retry_after is None or not retry_after > backoff:
        return backoff
    return min(retry_after, _MAX_RETRY_AFTER_SECONDS)


def _halves(batch: Batch) -> list[Batch]:
    """Make two batches of one, the telemetry in the first.

    Each keeps ``start`` and ``end`` of the whole batch: ``flush()`` waits until both are settled.
    """
    whole = BatchMessage.FromString(batch.frame.body)
    middle = batch.frame.events // 2
    halves: list[Batch] = []
    for events in whole.events[:middle], whole.events[middle:]:
        half = BatchMessage(context=whole.context, events=events)
        half.common.CopyFrom(whole.common)
        half.common.batch_id = uuid_v7()
        if not halves and whole.HasField("telemetry"):
            half.telemetry.CopyFrom(whole.telemetry)
        frame = batch.frame._replace(
            body=half.SerializeToString(), batch_id=half.common.batch_id, events=len(events)
        )
        halves.append(Batch(frame, seconds_left=batch.seconds_left))
    return halves
