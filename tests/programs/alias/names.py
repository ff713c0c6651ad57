"""A module (first argument) is the same under both names, and has the names (all others)."""

import sys
from importlib import import_module

module, *names = sys.argv[1:]
ours = import_module(f"paltabrain_fast.{module}")
theirs = import_module(f"paltabrain_sdk.{module}")
assert ours is theirs
missing = [name for name in names if not hasattr(theirs, name)]
assert not missing, missing
