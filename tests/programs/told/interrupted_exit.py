"""Is interrupted by Ctrl-C when it waits at its end, for what two SDKs have."""

import threading
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent


class Logger:
    """Prints each warning; Ctrl-C comes with the first one of the exit."""

    def debug(self, *_arguments: Any, **_options: Any) -> None:
        pass

    info = error = debug

    def warning(self, message: str, *arguments: Any, **_options: Any) -> None:
        line = message % arguments
        if " lost; " in line:
            print(line, flush=True)
        if "waits for" in line:
            raise KeyboardInterrupt


def hang(_request: Request) -> SendResult:
    threading.Event().wait(60)
    return SendResult(status=200)


sdks = []
for _ in range(2):
    sdk = PaltabrainSdk(
        "localhost", "key", TextContext(), transport=InMemoryTransport(hang), exit_timeout=600
    )
    sdk.logger = Logger()  # type: ignore[assignment]
    sdk.track(TextEvent())
    sdks.append(sdk)
