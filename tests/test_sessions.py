"""Sessions: their ids on the wire, and the numbers of their events over all threads."""

from __future__ import annotations

import threading
import time
from uuid import UUID

import pytest

from .support.api_server import ApiServer
from .support.events import TextEvent
from .support.sdk import MakeSdk


@pytest.mark.parametrize(
    ("given", "on_the_wire"),
    [
        (5, 5),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        ("01890a5d-ac96-774b-bcce-b302099a8057", 0x01890A5DAC96),
        ("f1a1d6ae-0369-496a-8de9-2afcc964207b", 0xF1A1D6AE0369496A >> 1),
        (0, None),
        (None, None),
    ],
)
def test_session_id_on_the_wire(
    api: ApiServer, make_sdk: MakeSdk, given: int | str | None, on_the_wire: int | None
) -> None:
    sdk = make_sdk(api.hostname, session_id=given)
    assert sdk.session_id == given
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    common = api.batches[0].events[0].common
    assert common.HasField("session_id") == (on_the_wire is not None)
    assert common.session_id == (on_the_wire or 0)
    assert common.session_event_seq_num == (0 if on_the_wire is None else 1)


def test_start_session_makes_a_uuid_whose_time_is_sent(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = time.time_ns() // 1_000_000
    sdk = make_sdk(api.hostname, start_session=True)
    assert isinstance(sdk.session_id, str)
    assert UUID(sdk.session_id).version == 7
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    sent = api.batches[0].events[0].common.session_id
    assert before <= sent <= time.time_ns() // 1_000_000
    assert sent == UUID(sdk.session_id).int >> 80
    assert make_sdk(session_id=7, start_session=True).session_id == 7


def test_events_are_numbered_over_all_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, session_id=1, flush_buffer_size=50)
    start = threading.Barrier(4)

    def work(thread: int) -> None:
        start.wait(30)
        for number in range(250):
            sdk.track(TextEvent(f"{thread}:{number}"))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sdk.flush(timeout=30)
    events = sorted(
        (event for batch in api.batches for event in batch.events),
        key=lambda event: event.common.session_event_seq_num,
    )
    assert [event.common.session_event_seq_num for event in events] == list(range(1, 1001))
    assert sdk.session_event_seq_num == 1000
    for thread_index in range(4):  # the numbers keep each thread's own order
        own = [event.payload.decode() for event in events]
        own = [text for text in own if text.startswith(f"{thread_index}:")]
        assert own == [f"{thread_index}:{number}" for number in range(250)]
