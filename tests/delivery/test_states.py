"""The states of a pipeline and of a batch: each way between them, and no other."""

from __future__ import annotations

import itertools

import pytest

from paltabrain_fast.delivery.batch import BatchState
from paltabrain_fast.delivery.lifecycle import Lifecycle, State
from paltabrain_fast.process.locks import Condition


@pytest.mark.parametrize(("state", "following"), [*itertools.product(State, State)])
def test_ways_of_a_pipeline(state: State, following: State) -> None:
    lifecycle = Lifecycle(Condition(), state)
    possible = {(State.OPEN, State.DRAINING), (State.DRAINING, State.CLOSED)}
    is_possible = (state, following) in possible
    assert lifecycle.advance(following) is is_possible
    assert lifecycle.state is (following if is_possible else state)


@pytest.mark.parametrize("state", State)
def test_fork_abandons_a_pipeline_in_each_state(state: State) -> None:
    lifecycle = Lifecycle(Condition(), state)
    lifecycle.abandon()
    assert lifecycle.state is State.ABANDONED
    assert not lifecycle.is_running


@pytest.mark.parametrize(("state", "following"), [*itertools.product(BatchState, BatchState)])
def test_ways_of_a_batch(state: BatchState, following: BatchState) -> None:
    assert (following in state.following) is (
        (state, following)
        in {
            (BatchState.WAITING, BatchState.SENDING),
            (BatchState.WAITING, BatchState.SETTLING),
            (BatchState.SENDING, BatchState.WAITING),
            (BatchState.SENDING, BatchState.SETTLING),
            (BatchState.SETTLING, BatchState.SETTLED),
        }
    )
