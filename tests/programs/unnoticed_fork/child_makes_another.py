"""Has a child that tracks with the SDK of its parent, and then makes another."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child, fork_past_hooks

inherited = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
inherited.track(TextEvent())
child = fork_past_hooks()
if child == 0:
    inherited.track(TextEvent())
    own = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    assert inherited.flush(timeout=30)
    assert inherited.stats().delivered == 1
end_child(child)
assert inherited.shutdown(timeout=30)
assert inherited.stats().delivered == 1
