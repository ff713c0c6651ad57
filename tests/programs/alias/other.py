"""An installed package named ``paltabrain_sdk`` is the one that is imported."""

from importlib import import_module

import paltabrain_fast
import paltabrain_sdk

assert paltabrain_sdk is not paltabrain_fast
for name in "paltabrain_sdk", "paltabrain_sdk.sdk":
    assert import_module(name).WHO == "the other one"
