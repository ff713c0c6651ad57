"""Loses events while the standard error is missing, closed, or of no use (argument: hostname)."""

import io
import os
import sys
from typing import Any

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent


class Raising(io.TextIOBase):
    def write(self, _text: str) -> int:
        raise RuntimeError("no text is wanted here")


class Recursive(io.TextIOBase):
    """Tracks what is written."""

    def write(self, text: str) -> int:
        sdk.track(TextEvent(text))
        return len(text)


closed = io.StringIO()
closed.close()
written = io.BytesIO()
only_ascii = io.TextIOWrapper(written, "ascii")
broken_pipe = os.fdopen(os.dup(2), "w")
os.close(broken_pipe.fileno())
stderr: Any
for stderr in None, closed, Raising(), Recursive(), only_ascii, broken_pipe:
    sys.stderr = stderr
    with PaltabrainSdk(sys.argv[1], "s3cret-key", TextContext()) as sdk:
        sdk.track(TextEvent())
    stats = sdk.stats()
    assert stats.dropped["rejected"] == 1
    assert stats.pending_events == 0
text = written.getvalue()
assert rb"API key refused (401: " in text, text
assert rb"\xfc" in text, text
assert text.count(b"\n") == 1, text
sys.stderr = None
