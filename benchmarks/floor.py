"""Compiles ``floor.c`` in a temporary directory and imports it. It is not part of the package."""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).with_suffix(".c")
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()


def load_floor() -> ModuleType:
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / f"floor{sysconfig.get_config_var('EXT_SUFFIX')}"
        include = f"-I{sysconfig.get_path('include')}"
        command = [*COMPILER, "-O3", "-shared", "-fPIC", include, str(SOURCE), "-o", str(target)]
        subprocess.run(command, check=True)
        loader = ExtensionFileLoader("floor", str(target))
        spec = spec_from_file_location("floor", target, loader=loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module
