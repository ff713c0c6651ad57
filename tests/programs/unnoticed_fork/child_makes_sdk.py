"""Has a child that tracks with an SDK of its own, before it touches the one of its parent."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child, fork_past_hooks

inherited = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
child = fork_past_hooks()
if child == 0:
    own = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    for _ in range(5):
        own.track(TextEvent())
    inherited.track(TextEvent())
    for sdk, events in (own, 5), (inherited, 1):
        assert sdk.stats().accepted == events
        assert sdk.shutdown(timeout=30)
        assert sdk.stats().delivered == events
end_child(child)
