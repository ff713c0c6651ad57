"""The policy of an attempt: what is sent, and whether a batch is settled, split or sent again.

The only place where a retry is decided. It has no thread and no lock: ``workers`` calls it, and the
state of a batch, which the ledger keeps, sees to it that one thread at a time has that batch.
"""

from __future__ import annotations

import logging
import math
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
from ..process.fork_barrier import call_holding_forks
from ..process.reentrancy import own_thread
from ..sdk_pb2 import Batch as BatchMessage
from ..transport import Request, SendResult, Transport
from ..transport.headers import Headers
from ..transport.urls import base_url
from ..utils import time_ms
from ..version import __version__
from . import backoff, diversion
from .batch import Batch, BatchState
from .diagnosis import diagnose, internal_error
from .ledger import Ledger
from .notify import Reporter
from .outage import FROZEN_SECONDS, Outage

__all__ = ["Sender"]

_TOO_LARGE_STATUS: Final = 413
_MAX_INTERRUPTED: Final = 5
"""How many attempts of a batch exceptions of signal handlers may end, and cost it nothing."""

_UNREACHABLE_STATUSES: Final = (429, 502, 503, 504)
"""Answers that say that the server cannot be reached, or wants to be left alone."""


class Sender:
    """Makes the attempts of a batch, one at a time, until it is settled.

    Args:
        transport: makes single attempts.
        options: read at each attempt.
        ledger: where outcomes are entered.
        reporter: where failures are told.
        outage: decides which batches wait while the server cannot be reached.
        resubmit: has each of the two halves sent into which a batch was split.
        on_settled: called after each batch that was settled, or split.
    """

    def __init__(
        self,
        transport: Transport,
        options: Options,
        ledger: Ledger,
        reporter: Reporter,
        outage: Outage,
        resubmit: Callable[[Batch], None],
        on_settled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._options = options
        self._ledger = ledger
        self._reporter = reporter
        self._outage = outage
        self._resubmit = resubmit
        self._on_settled = on_settled
        self._latest_end = math.inf
        self._target = _Target(options.hostname, options.api_key)

    def end_by(self, deadline: float | None) -> None:
        """Let no attempt that begins from now on last beyond the deadline of a shutdown."""
        self._latest_end = math.inf if deadline is None else deadline

    def attempt(self, batch: Batch, until: float = math.inf) -> float | None:
        """Make the next attempt, if it is still wanted; called in any thread.

        Args:
            batch: is in flight; nobody else makes an attempt meanwhile.
            until: when the caller's own timeout ends the attempt, by ``monotonic()``.

        Returns:
            Seconds until the attempt after it; ``None`` if there is none, or none before ``outage``
            releases the batch.

        Raises:
            BaseException: in a thread of the user's, what a signal handler has raised. The call is
                to be made again, at once.
        """
        try:
            if not self._outage.admit(batch):
                return None
            if self._ledger.begin_attempt(batch):
                is_quiet = not (self._options.debug or self._reporter.is_logged(logging.INFO))
                result, is_telling = self._send(batch, until, is_quiet=is_quiet)
                if not is_telling:
                    return self._retry(batch, result)
                return self._evaluate(batch, result, is_quiet=is_quiet)
            self._leave(batch)
        except BaseException as error:  # whatever happens, the batch has an outcome
            is_signal = own_thread() is None and not isinstance(error, Exception)
            if not (is_signal and self._interrupted(batch)):
                told = error if isinstance(error, Exception) else RuntimeError(repr(error))
                self._give_up(batch, "internal_error", told, internal_error(error))
            if is_signal:
                raise
        return None

    def _interrupted(self, batch: Batch) -> bool:
        """Have an attempt made again that a signal handler has ended; or else somebody else's.

        Returns:
            Whether it is; not if so many were ended that a transport of the user's may raise this.
        """
        batch.interrupted += 1
        if batch.state is BatchState.SETTLING or batch.interrupted > _MAX_INTERRUPTED:
            return False
        batch.excused += self._ledger.postpone(batch)
        return True

    def _send(self, batch: Batch, until: float, *, is_quiet: bool) -> tuple[SendResult, bool]:
        """Make an attempt.

        Args:
            batch: is sent.
            until: when the caller's own timeout ends the attempt, by ``monotonic()``.
            is_quiet: whether nobody reads of a batch that arrives.

        Returns:
            Its result; and whether that tells something: not if the caller's timeout or a freeze
            has ended the attempt.
        """
        debug = self._reporter.debug
        is_shown = not is_quiet and debug.shows_batches
        if is_shown:
            debug.batch_sent(batch)
        begun = monotonic()
        latest = begun + self._options.request_timeout
        end = min(begun + batch.seconds_left, self._latest_end, until)
        try:
            result = call_holding_forks(partial(self._post, batch, end), end)
        except Exception as error:
            result = SendResult(error=error)
        over, due = monotonic(), min(latest, end)
        if is_shown:
            debug.batch_answered(batch, result, over - begun)
        if result.status is not None and over <= due:
            batch.is_late = False
            batch.seconds_left -= over - begun
            return result, True
        is_late = over > due + FROZEN_SECONDS
        # late twice in a row is a name resolution, which ends at no deadline
        was_frozen = is_late and not batch.is_late
        batch.is_late = is_late
        if was_frozen:
            self._outage.slept(over - due)
        else:
            batch.seconds_left -= max(0.0, min(over, due) - begun)
        own_end = min(latest, begun + batch.seconds_left, self._latest_end)
        is_telling = result.status is not None or not (was_frozen or until < own_end)
        batch.excused += not is_telling
        return result, is_telling

    def _post(self, batch: Batch, end: float) -> SendResult:
        options, target = self._options, self._target
        if target.hostname != options.hostname or target.api_key != options.api_key:
            target = self._target = _Target(options.hostname, options.api_key)
        request = Request(
            target.url,
            batch.frame.body,
            target.headers.with_number("X-SDK-Client-Upload-TS", time_ms()),
            min(options.request_timeout, max(0.001, end - monotonic())),
        )
        result = diversion.send(self._transport, request)
        if type(result) is SendResult and type(result.status) is int and result.retry_after is None:
            return result
        return _checked(result)

    def _evaluate(self, batch: Batch, result: SendResult, *, is_quiet: bool) -> float | None:
        """Decide what follows from the result of an attempt."""
        status = result.status
        if status is None or status in _UNREACHABLE_STATUSES:
            return self._retry(batch, result, is_unreachable=True)
        self._outage.reached(batch)
        if 200 <= status <= 299:
            self._arrived(batch, is_quiet=is_quiet)
        elif status == _TOO_LARGE_STATUS and batch.frame.events > 1:
            self._split(batch)
        elif _asks_for_retry(status):
            return self._retry(batch, result)
        else:
            error = batch.error = BatchRejectedError(status, result.reason)
            report = partial(self._reporter.batch_rejected, batch.id, batch.frame.events, error)
            diagnosis = diagnose(error, self._options)
            self._settle(batch, BATCH_STATUS_REJECT, report, "rejected", diagnosis)
        return None

    def _retry(
        self, batch: Batch, result: SendResult, *, is_unreachable: bool = False
    ) -> float | None:
        """Have another attempt made, by and by; give up if there was the last."""
        counted = batch.attempts - batch.excused
        delay = backoff.delay(max(1, counted), result.retry_after)
        reason: DropReason | None = None
        if counted >= self._options.flush_max_retries:
            reason = "retries_exhausted"
        elif delay > batch.seconds_left:
            reason = "deadline"
        status = result.status or 0
        error = result.error or RetriesExhaustedError(status, batch.attempts, result.reason)
        batch.error = error
        fault = diagnose(error, self._options)
        if is_unreachable:
            is_last, retry_after = reason is not None, result.retry_after
            expired = self._outage.failed(batch, error, retry_after, is_last=is_last)
            if expired is not None:
                for each in expired:
                    self._give_up(each, "deadline", error, fault)
                return None
        if reason is not None:
            self._give_up(batch, reason, error, fault)
        elif self._ledger.postpone(batch):
            batch.seconds_left -= delay
            self._reporter.debug.batch_postponed(batch, delay)
            return delay
        else:
            self._leave(batch)
        return None

    def _give_up(
        self, batch: Batch, reason: DropReason, error: Exception, diagnosis: Diagnosis
    ) -> None:
        batch.error = error
        report = partial(self._reporter.batch_failed, batch.id, batch.frame.events, reason, error)
        self._settle(batch, BATCH_STATUS_EXCEPTION, report, reason, diagnosis)

    def _arrived(self, batch: Batch, *, is_quiet: bool) -> None:
        if not is_quiet:
            seconds = monotonic() - batch.started
            report = partial(self._reporter.batch_succeeded, batch.id, seconds)
            self._settle(batch, BATCH_STATUS_SUCCESS, report)
            return
        try:  # with nothing to report: as _settle(), in one visit to the books
            self._ledger.deliver(batch)
        finally:
            if batch.state is BatchState.SETTLING:
                self._ledger.settle(batch, BATCH_STATUS_SUCCESS)
            self._leave(batch)

    def _settle(
        self,
        batch: Batch,
        status: str,
        report: Callable[[], object],
        reason: DropReason | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> None:
        """Report the outcome, then enter it; unless somebody else has."""
        try:
            if self._ledger.claim(batch):
                report()
                if self._options.debug:
                    self._reporter.debug.batch_settled(batch, status, reason)
        finally:  # asked for its state: a signal handler may raise when claim() is done
            if batch.state is BatchState.SETTLING:
                self._ledger.settle(batch, status, reason, diagnosis)
            self._leave(batch)

    def _split(self, batch: Batch) -> None:
        halves = _halves(batch)
        try:
            if self._ledger.claim(batch):
                self._reporter.log(
                    logging.INFO, "Batch %s is too large for the API, and sent in two", batch.id
                )
        finally:
            if batch.state is BatchState.SETTLING:
                with self._ledger.books:  # so that nobody begins one before it is in flight
                    for half in halves:
                        self._resubmit(half)
                    self._ledger.split(batch, halves)
            self._leave(batch)

    def _leave(self, batch: Batch) -> None:
        """Note that the batch makes no more attempts."""
        self._outage.leave(batch)
        self._on_settled()


class _Target:
    """What all requests with the same hostname and API key have in common."""

    __slots__ = ("api_key", "headers", "hostname", "url")

    def __init__(self, hostname: str, api_key: str) -> None:
        self.hostname = hostname
        self.api_key = api_key
        self.url = base_url(hostname) + ENDPOINT_BATCH
        self.headers = Headers(
            {
                "Content-Type": CONTENT_TYPE,
                "X-API-Key": api_key,
                "X-SDK-Name": SDK_NAME,
                "X-SDK-Version": __version__,
            }
        )


def _checked(result: SendResult) -> SendResult:
    """Refuse what is no result, which a transport of the user's may return."""
    name = type(result).__name__  # no repr, as what others put there may repeat the API key
    if not isinstance(result, SendResult):
        raise TypeError(f"send() of the transport must return a SendResult, not a {name}")
    if not isinstance(result.status, int) and not isinstance(result.error, Exception):
        raise TypeError(f"send() of the transport returned a {name} without status and error")
    if not isinstance(result.retry_after, int | float | None):
        kind = type(result.retry_after).__name__
        raise TypeError(f"retry_after of a {name} must be a number of seconds, not a {kind}")
    return result


def _asks_for_retry(status: int) -> bool:
    return status == 408 or 500 <= status <= 599


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
