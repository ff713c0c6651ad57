"""Compares what an SDK says of its batches with its wire and with the server's own log."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from paltabrain_fast.delivery.ledger import Stats
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request, SendResult, Transport

from .event_log import LoggedBatch

_OUTCOME: Final = re.compile(r"Batch:? ([0-9a-f-]+)(?:, Status: (\w+)| is too large)")

Answers = Mapping[str, Sequence[int | None]]
"""The statuses that each batch was answered with, ``None`` for an attempt without an answer."""


class WitnessTransport:
    """Notes what the attempts of another transport come to.

    Attributes:
        answers: by batch id; empty for a batch whose first attempt is under way.
    """

    def __init__(self, transport: Transport) -> None:
        self.answers: dict[str, list[int | None]] = {}
        self._transport = transport

    def send(self, request: Request) -> SendResult:
        answers = self.answers.setdefault(Batch.FromString(request.body).common.batch_id, [])
        result = self._transport.send(request)
        answers.append(result.status)
        return result

    def close(self) -> None:
        self._transport.close()

    def after_fork(self) -> None:
        """Forget what the parent has sent; called in each forked child."""
        self.answers = {}


class OutcomeHandler(logging.Handler):
    """Notes the outcome that each batch has, going by the log lines of the SDK.

    Attributes:
        outcomes: by batch id; ``"SPLIT"`` for one that was sent in two. What is given up at the
            timeout of ``shutdown()`` is not logged one by one.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.outcomes: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if found := _OUTCOME.match(record.getMessage()):
            batch_id, status = found.groups()
            self.outcomes.setdefault(batch_id, []).append(status or "SPLIT")


def differences(
    stats: Stats,
    answers: Answers,
    outcomes: Mapping[str, Sequence[str]],
    received: Mapping[str, LoggedBatch],
) -> Iterator[str]:
    """Say in what the books of an SDK at rest differ from what its server has received.

    Args:
        stats: of the SDK.
        answers: of all its batches.
        outcomes: of its batches, at least.
        received: its batches, as the server has logged them.
    """
    settled = stats.delivered + stats.dropped_after_acceptance
    if stats.accepted != settled or stats.pending_events or stats.batches_in_flight:
        yield f"the ledger does not balance at rest: {stats}"
    delivered = {key for key in answers if list(outcomes.get(key, ())) == ["SUCCESS"]}
    if stats.batches["SUCCESS"] != len(delivered):
        yield f"{stats.batches['SUCCESS']} batches are delivered, {len(delivered)} by the log lines"
    events = sum(len(received[key].events) for key in delivered if key in received)
    if stats.delivered != events:
        yield f"{stats.delivered} events are delivered, {events} by the server's log"
    for key in answers:
        seen = received.get(key)
        outcome, successes = outcomes.get(key, ()), [status == 200 for status in answers[key]]
        where = f"batch {key}: {outcome}, answers {answers[key]}, {_brief(seen)}"
        if len(outcome) > 1 or (not outcome and not stats.dropped.get("deadline")):
            yield f"not one outcome: {where}"
        elif key in delivered and not (any(successes) and seen and seen.successes):
            yield f"called delivered without an answer that says so: {where}"
        elif outcome and key not in delivered and any(successes):
            yield f"lost, in spite of an answer that says it is delivered: {where}"
        elif (
            outcome and key not in delivered and seen and seen.commits and None not in answers[key]
        ):
            yield f"in the server's log, though neither delivered nor in doubt: {where}"
        elif seen and not seen.equal:
            yield f"another body under the same id: {where}"


def unknown(received: Mapping[str, LoggedBatch], answers: Answers) -> list[str]:
    """Return the ids of batches that nobody has sent."""
    return [key for key in received if key not in answers]


def repeated(received: Mapping[str, LoggedBatch]) -> list[str]:
    """Return the events that more than one batch has brought."""
    counts: Counter[str] = Counter()
    for batch in received.values():
        if batch.commits:
            counts.update(batch.events)
    return [event for event, count in counts.items() if count > 1]


def _brief(batch: LoggedBatch | None) -> str:
    if batch is None:
        return "never received"
    return f"received {batch.bodies} times, taken in {batch.commits} times"
