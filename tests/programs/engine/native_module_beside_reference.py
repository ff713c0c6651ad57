"""Imports a native module by its own name, before anything else, beside the other engine."""

import os

os.environ["PALTABRAIN_SDK_ENGINE"] = "python"

import paltabrain_fast
import paltabrain_fast._native.uuid7 as uuid7

print(paltabrain_fast.engine, len(uuid7.uuid_v7()))
