"""Test of a service whose SDK has hostname and key from the environment."""

from __future__ import annotations

from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.testing import PaltabrainEvents

sdk = PaltabrainSdk[Context](context=Context())


def test_page(paltabrain_events: PaltabrainEvents) -> None:
    sdk.track(EventPageOpen(page_id="abc"))
    paltabrain_events.assert_tracked(EventPageOpen, page_id="abc")
