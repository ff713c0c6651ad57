"""An outage under any order of events: no batch is left behind."""

from __future__ import annotations

import random
from collections import deque

import pytest

from paltabrain_fast.delivery.batch import Batch

from ..support.probe import remembered_batches, retrying_after, waits_watched
from .outage_service import CLEAR, DOWN, ENDED, ERROR, LIMIT, RECOVERING, Service


class Walk:
    """Random steps of a service, and what must hold after each of them."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service = service
        self.random = random.Random(seed)
        self.under_way: list[Batch] = []
        self.waiting: list[Batch] = []  # for an attempt that is due, but for no turn
        self.made = 0

    def step(self) -> None:
        choices = [self.new]
        choices += [self.attempt] * (2 * bool(self.service.due or self.waiting))
        choices += [self.end] * (3 * bool(self.under_way))
        self.random.choice(choices)()
        self.service.clock.now += self.random.choice([0.0, 0.1, LIMIT / 7])
        self.check()

    def new(self) -> None:
        self.made += 1
        self.try_to_begin(self.service.batch(str(self.made)))

    def attempt(self) -> None:
        """Have a call made, of those that outages and retries have submitted."""
        due = [self.service.batch(name) for name, _ in self.service.due]
        batch = self.random.choice(due + self.waiting)
        if batch in due:
            self.service.due = deque(each for each in self.service.due if each[0] != batch.id)
        else:
            self.waiting.remove(batch)
        self.try_to_begin(batch)

    def try_to_begin(self, batch: Batch) -> None:
        if not self.service.outage.admit(batch):
            return
        if self.service.ledger.begin_attempt(batch):
            self.under_way.append(batch)
        else:
            self.service.outage.leave(batch)

    def end(self) -> None:
        """Have an attempt come to some end."""
        service = self.service
        batch = self.under_way.pop(self.random.randrange(len(self.under_way)))
        if self.random.random() < 0.1:  # by a fault, which says nothing of the server
            self.settle(batch)
        elif self.random.random() < 0.5:
            expired = service.outage.failed(
                batch, ERROR, self.random.choice([None, 7.0]), is_last=self.random.random() < 0.3
            )
            if expired is None:
                self.settle_or_retry(batch)
            for each in expired or []:
                self.settle(each)
        else:
            service.outage.reached(batch)
            self.settle_or_retry(batch)

    def settle_or_retry(self, batch: Batch) -> None:
        if self.random.random() < 0.6:
            self.settle(batch)
        else:
            assert self.service.ledger.postpone(batch)
            self.waiting.append(batch)

    def settle(self, batch: Batch) -> None:
        assert self.service.ledger.claim(batch)
        self.service.ledger.settle(batch, "EXCEPTION", "deadline")
        self.service.outage.leave(batch)

    def check(self) -> None:
        """Each batch is in one place, and while some are parked, somebody tries."""
        outage, service = self.service.outage, self.service
        due = [name for name, _ in service.due]
        assert len(due) == len(set(due))
        elsewhere = {*due, *(batch.id for batch in self.under_way + self.waiting)}
        assert service.ledger.in_flight == outage.parked + len(elsewhere)
        released, held = remembered_batches(outage)
        if outage.state is not ENDED:
            assert released <= elsewhere
            assert not (released and outage.state is CLEAR)
            assert held <= service.ledger.running().keys()
        if outage.parked:
            assert outage.state in (DOWN, RECOVERING)
            assert released  # or else those that are parked would be so for ever
        assert (service.stats().outage_age is None) or outage.state in (DOWN, RECOVERING)

    def finish(self) -> None:
        """End the pipeline: everything that is left has its attempt, and is settled."""
        self.service.outage.end()
        while self.service.due or self.waiting or self.under_way:
            self.check()
            while self.service.due or self.waiting:
                self.attempt()
            self.end()
        assert self.service.outage.parked == self.service.ledger.in_flight == 0


@pytest.mark.parametrize("seed", range(40))
def test_no_order_of_events_leaves_a_batch_behind(seed: int) -> None:
    with waits_watched() as clock, retrying_after(lambda *_: 0.0):
        walk = Walk(Service(clock), seed)
        for _ in range(400):
            walk.step()
        walk.finish()
