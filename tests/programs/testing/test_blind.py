"""Tests of a service whose only SDK is disabled, as by the environment."""

from __future__ import annotations

from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.testing import PaltabrainEvents

sdk = PaltabrainSdk[Context](context=Context(), disabled=True)


def test_not_tracked(paltabrain_events: PaltabrainEvents) -> None:
    sdk.track(EventPageOpen())
    paltabrain_events.assert_not_tracked(EventPageOpen)
