"""SDKs that are forgotten without ``shutdown()``: they deliver what they have, and are freed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.transport import HttpsTransport, Transport

from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.programs import run_program
from .support.sdk import Sdk
from .support.threads import await_end, threads_of_sdks


class Service:
    """Has an SDK that refers to it."""

    def __init__(self, hostname: str, transport: Transport) -> None:
        self.sdk: Sdk = PaltabrainSdk(
            hostname,
            "key",
            TextContext(),
            transport=transport,
            flush_interval_ms=3_600_000,
            on_error=self.on_error,
        )

    def on_error(self, *_told: object) -> None:
        raise AssertionError


def forget_sdk(hostname: str) -> list[weakref.ref[Any]]:
    """Return references to an SDK and to what only its delivery refers to, both forgotten."""
    transport = HttpsTransport()
    sdk = Service(hostname, transport).sdk
    sdk.track(TextEvent("kept"))
    return [weakref.ref(sdk), weakref.ref(transport)]


def test_forgotten_sdk_delivers_what_it_has_and_ends(api: ApiServer) -> None:
    before = threads_of_sdks()
    sdk, transport = forget_sdk(api.hostname)
    gc.collect()
    assert sdk() is None
    api.wait_for(1)
    await_end(threads_of_sdks() - before)
    gc.collect()
    assert transport() is None


def test_sdks_in_a_loop_do_not_pile_up() -> None:
    """Each with its threads and its ring of 16 MiB."""
    assert int(run_program("lifecycle/many_sdks")) < 150
