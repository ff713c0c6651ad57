"""One of the native modules fails to be imported; says what is left of another."""

import sys
import warnings
from importlib.machinery import ExtensionFileLoader
from types import ModuleType
from unittest.mock import patch

execute = ExtensionFileLoader.exec_module


def fail_for_one(loader: ExtensionFileLoader, module: ModuleType) -> None:
    if module.__name__ == "paltabrain_fast._native.generated":
        raise ImportError("not this one")
    execute(loader, module)


with (
    warnings.catch_warnings(record=True) as caught,
    patch.object(ExtensionFileLoader, "exec_module", fail_for_one),
):
    warnings.simplefilter("always")
    import paltabrain_fast
assert "native engine cannot be loaded" in str(caught[0].message), caught
print(paltabrain_fast.engine, "paltabrain_fast._native.generated" in sys.modules)
