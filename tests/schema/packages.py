"""Imports generated packages for tests, each under a name of its own, and unloads them again."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.model import Schema

EXAMPLE = Path(__file__).parents[2] / "examples" / "schema.yaml"

_numbers = itertools.count()


@contextmanager
def imported(directory: Path) -> Iterator[Any]:
    """Import the generated package in ``directory``; unload it at the end of the block."""
    name = f"generated_config_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(
        name, directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for loaded in [key for key in sys.modules if key.split(".")[0] == name]:
            del sys.modules[loaded]


@contextmanager
def without_config_modules() -> Iterator[None]:
    """Unload the config modules that other tests have imported, until the end of the block.

    An event is decoded by the one loaded class that has its number.
    """
    others = {
        name: module
        for name, module in sys.modules.items()
        if hasattr(module, "EventPayloadMessage")
    }
    for name in others:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.modules.update(others)


@contextmanager
def generated(schema: Schema, rewrite: Callable[[str], str] | None = None) -> Iterator[Any]:
    """Generate and import the config module of a schema; ``rewrite`` may change its source."""
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent, "config")
        generate(schema, directory)
        if rewrite is not None:
            module = directory / "__init__.py"
            module.write_text(rewrite(module.read_text("utf-8")), "utf-8")
        with imported(directory) as module:
            yield module
