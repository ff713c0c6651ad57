"""``paltabrain_sdk`` is our package; with ``install`` even where there is another of that name."""

import sys

import paltabrain_fast

if sys.argv[1:] == ["install"]:
    import paltabrain_sdk.sdk

    paltabrain_fast.install_as_paltabrain_sdk()
    paltabrain_fast.install_as_paltabrain_sdk()

import paltabrain_sdk
import paltabrain_sdk.base
import paltabrain_sdk.sdk
import paltabrain_sdk.utils
from paltabrain_sdk import BaseContext, BaseEnum, BaseEvent, BaseSentinel, PaltabrainSdk, set_proto
from paltabrain_sdk.constant import SDK_NAME
from paltabrain_sdk.sdk_pb2 import Batch, Event
from paltabrain_sdk.utils import monotonic_time_ms, uuid_v7
from paltabrain_sdk.version import __version__

for imported in BaseContext, BaseEnum, BaseEvent, BaseSentinel, PaltabrainSdk, set_proto:
    assert imported is getattr(paltabrain_fast, imported.__name__)
assert (SDK_NAME, __version__) == ("PALTABRAIN_PYTHON", paltabrain_fast.__version__)
assert Batch(events=[Event(payload=b"x")]).ByteSize() == 5
assert (len(uuid_v7()), monotonic_time_ms() > 0) == (36, True)
assert paltabrain_sdk is paltabrain_fast
assert paltabrain_sdk.sdk.PaltabrainSdk is paltabrain_fast.PaltabrainSdk
assert paltabrain_sdk.utils is paltabrain_fast.utils
assert paltabrain_sdk.base is paltabrain_fast.base
assert paltabrain_fast.__spec__.name == "paltabrain_fast"
assert paltabrain_fast.utils.__name__ == "paltabrain_fast.utils"
