"""What the services share: each request sets the user, waits for seven others, and tracks."""

import os
from importlib import import_module
from typing import Any, Final

from paltabrain_fast import PaltabrainSdk

TOGETHER: Final = 8
"""How many requests are in progress when the first of them tracks."""

config = import_module("examples.config")
sdk = PaltabrainSdk[Any](
    os.environ["API"],
    "key",
    config.Context().set_application(app_id="shop"),
    flush_interval_ms=3_600_000,
    exit_timeout=30,
)


def begin(user: str) -> None:
    sdk.context.set_user(user_id=user)


def finish(user: str) -> str:
    sdk.track(config.EventPageOpen(page_id=user))
    return user


def deliver() -> str:
    return str(bool(sdk.flush(timeout=60)))
