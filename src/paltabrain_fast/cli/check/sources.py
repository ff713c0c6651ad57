"""Finds a config module by path or name, and the source files that may use it."""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

__all__ = ["find_module", "parsed", "python_files"]

_LEFT_OUT: Final = ("node_modules", "site-packages", "__pycache__")


def find_module(given: str) -> Path | None:
    """Return the directory of a module that is given by its path, or by its dotted name.

    A name is looked for from the current directory, and then where Python would. Nothing is run.
    """
    if Path(given).is_dir():
        return Path(given)
    path: list[str] | None = ["", *sys.path]
    found: list[str] = []
    for part in given.split("."):
        spec = PathFinder.find_spec(part, path) if part else None
        found = list(spec.submodule_search_locations or ()) if spec is not None else []
        if not found:
            return None
        path = found
    directory, here = Path(found[0]).absolute(), Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def python_files(directory: Path, module: Path) -> Iterator[Path]:
    """Yield the source files below a directory, or the one that this is.

    Left out are the module itself, what is hidden, virtual environments and linked directories.
    """
    if directory.is_file():
        yield directory
        return
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            is_ours = not entry.is_symlink() and entry.name not in _LEFT_OUT
            if is_ours and not (entry / "pyvenv.cfg").exists() and not _is_same(entry, module):
                yield from python_files(entry, module)
        elif entry.suffix == ".py" and (entry.is_file() or entry.is_symlink()):  # no pipe
            yield entry


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def parsed(file: Path) -> ast.Module:
    """Return what is in a source file.

    Raises:
        OSError: it cannot be read.
        SyntaxError, ValueError: it is not valid Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(file.read_bytes(), os.fspath(file))
