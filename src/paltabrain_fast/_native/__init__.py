"""The native engine: Cython over the C core in ``csrc/``, in one shared object, ``_core``.

Python's finders look for one file per module. So this package loads its modules itself, each by its
own ``PyInit_…`` function, from the file that they share.
"""

from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Final

from ._core import __file__ as _shared_object

_MODULES: Final = (
    "fork",
    "uuid7",
    "base",
    "plan",
    "generated",
    "encode",
    "classes",
    "events",
    "contexts",
    "engine",
    "scope",
    "known",
    "track",
)
"""Each one after those that it imports."""


def _load(name: str) -> ModuleType:
    loader = ExtensionFileLoader(name, _shared_object)
    spec = spec_from_file_location(name, _shared_object, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    # Cython gives the same module each time, with whatever of the package it imported at first
    if module.__loader__ is not loader and sys.modules.get(name) is not module:
        raise ImportError("it was loaded by an earlier import of the package in this process")
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


for _name in _MODULES:
    globals()[_name] = _load(f"{__name__}.{_name}")
