"""Tracks in greenlets while another one is in a log call of the SDK's, where it lets them run."""

from gevent import monkey

monkey.patch_all()
import logging

import gevent

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent


class Switching(logging.Handler):
    def emit(self, _record: logging.LogRecord) -> None:
        sdk.track(TextEvent("fed"))
        while len(tracked) < 10:
            gevent.sleep(0)
        sdk.track(TextEvent("fed"))


def work() -> None:
    while not failing.ready():
        sdk.track(TextEvent("not ours"))
        tracked.append(1)
        gevent.sleep(0)


tracked: list[int] = []
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
for _ in range(2):
    sdk.track(TextEvent("not ours"))  # so that it is known
    tracked.append(1)
sdk.warm_up()  # what is said of classes is said before
sdk.logger.addHandler(Switching())
failing = gevent.spawn(sdk.track, UnserializableEvent())
gevent.joinall([failing, *(gevent.spawn(work) for _ in range(2))], raise_error=True)
stats = sdk.stats()
assert stats.accepted == len(tracked), (stats, len(tracked))
assert stats.dropped["reentrant"] >= 2, stats
