"""Make a subclass with a hook that nothing calls (argument: level of the logging, if any)."""

import logging
import sys

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext


class Own(PaltabrainSdk[TextContext]):
    def _send_batch(self) -> None: ...


if sys.argv[1] == "silent":
    logging.getLogger("paltabrain_sdk").setLevel("ERROR")
elif sys.argv[1]:
    logging.basicConfig(level=sys.argv[1])
for _ in range(2):
    Own("host", "key", TextContext(), transport=InMemoryTransport()).shutdown()
