"""What wraps ``requests`` before the SDK is imported is no double."""

import functools
from typing import Any, NoReturn

import requests

original = requests.Session.send


@functools.wraps(original)
def send(*_arguments: Any, **_options: Any) -> NoReturn:
    raise AssertionError("the SDK has connections of its own")


requests.Session.send = send  # type: ignore[method-assign]

from paltabrain_fast.transport.mocks import mocks

assert mocks() is None
requests.Session.send = original  # type: ignore[method-assign]
assert mocks() is not None
