"""Libraries of greenlets that another thread is importing just now: nothing may break meanwhile."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import hosts
from paltabrain_fast.transport.unpatched import getaddrinfo

from .support.events import TextEvent
from .support.sdk import MakeSdk

_MODULES = [
    "eventlet",
    "eventlet.patcher",
    "gevent",
    "gevent._hub_local",
    "gevent.monkey",
    "greenlet",
]


@pytest.fixture
def half_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _MODULES:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


@pytest.mark.usefixtures("half_imported")
def test_events_are_delivered_meanwhile(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    sdk.track(TextEvent("x"))
    assert sdk.flush(timeout=30)
    assert sdk.shutdown(timeout=30)
    assert len(transport.batches) == 1
    assert sdk.stats().retries == 0


@pytest.mark.usefixtures("half_imported")
def test_nobody_has_greenlets_yet() -> None:
    assert hosts.greenlet() is None
    assert hosts.cooperative_sleep() is None
    assert getaddrinfo("127.0.0.1", 80)


@pytest.mark.usefixtures("half_imported")
def test_stand_in_without_a_spec_may_be_there_when_an_sdk_is_made() -> None:
    PaltabrainSdk[Any]("localhost", "key", None).shutdown()
