"""The extension cannot be imported: one warning, and the engine in pure Python; prints its name."""

import sys
import warnings
from importlib import import_module

sys.modules["paltabrain_fast._native._core"] = None  # type: ignore[assignment]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    package = import_module("paltabrain_fast")
    utils = import_module("paltabrain_fast.utils")
assert len(caught) == 1, caught
assert caught[0].category is RuntimeWarning
assert "native engine cannot be loaded" in str(caught[0].message)
assert len(utils.uuid_v7()) == 36
print(package.engine)
