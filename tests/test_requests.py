"""Requests: what they say, how many run at once, on how many connections."""

from __future__ import annotations

import threading
from uuid import UUID

import paltabrain_fast
from paltabrain_fast import InMemoryTransport

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.probe import Delivery, await_delivery, waits_watched
from .support.sdk import MakeSdk


def test_request_is_as_the_protocol_says(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, api_key="the key", instance_id="the instance")
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/v2/paltabrain")
    headers = {name: value for name, value in request.headers.items() if "X-" in name}
    del headers["X-SDK-Client-Upload-TS"]
    assert headers == {
        "X-API-Key": "the key",
        "X-SDK-Name": "PALTABRAIN_PYTHON",
        "X-SDK-Version": paltabrain_fast.__version__,
    }
    assert request.headers["Content-Type"] == "application/protobuf"
    common = request.batch.common
    assert common.instance_id == "the instance"
    assert UUID(common.batch_id).version == 7
    assert not request.batch.HasField("telemetry")


def test_twenty_requests_run_in_parallel(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, max_in_flight=30)
    try:
        for number in range(25):
            sdk.track(TextEvent(), TextContext(str(number)))
        assert not sdk.flush()
        api.wait_for(20)
        assert sdk.stats().requests == 20
        assert sdk.stats().batches_in_flight == 25
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 25
    assert api.connections <= 20


def test_connections_are_reused(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, max_in_flight=2)
    for number in range(100):
        sdk.track(TextEvent(), TextContext(str(number)))
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 100
    assert api.connections <= 2


def test_server_that_answers_at_once_needs_one_thread(make_sdk: MakeSdk) -> None:
    with waits_watched():  # where no time passes, so that it is at once
        sdk = make_sdk(transport=InMemoryTransport())
        for number in range(100):
            sdk.track(TextEvent(), TextContext(str(number)))
        sdk.flush()
        await_delivery(sdk, 100)
        assert len(Delivery(sdk).threads()) == 2  # one of them frames
