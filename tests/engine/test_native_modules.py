"""The native engine's modules, which share one file, are modules like any other."""

from __future__ import annotations

import importlib
import inspect
import pickle
from pathlib import Path

import pytest

from paltabrain_fast import _native
from paltabrain_fast._native import _core
from paltabrain_fast._native.engine import NativeEngine
from paltabrain_fast._native.track import Tracker

from ..support.programs import run_program
from ..support.sdk import ROOT

SOURCES = sorted((ROOT / "src" / "paltabrain_fast" / "_native").glob("*.pyx"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_module_is_loaded_from_the_shared_object(source: Path) -> None:
    name = f"paltabrain_fast._native.{source.stem}"
    module = importlib.import_module(name)
    assert getattr(_native, source.stem) is module
    assert module.__spec__ is not None
    assert (module.__name__, module.__spec__.name, module.__package__) == (
        name,
        name,
        "paltabrain_fast._native",
    )
    assert module.__file__ == module.__spec__.origin == inspect.getfile(module) == _core.__file__


@pytest.mark.parametrize("cls", [NativeEngine, Tracker])
def test_classes_are_pickled_by_name(cls: type) -> None:
    assert pickle.loads(pickle.dumps(cls)) is cls
    assert inspect.getmodule(cls) is importlib.import_module(cls.__module__)


def test_module_can_be_imported_beside_the_reference_engine() -> None:
    """By its own name, before anything else of the native engine."""
    assert run_program("engine/native_module_beside_reference").split() == ["python", "36"]


def test_module_that_fails_is_not_left_behind() -> None:
    assert run_program("engine/native_module_that_fails").split() == ["python", "False"]


def test_package_that_is_imported_anew_counts_each_event_once() -> None:
    """Its native modules would go on with parts of the package as it was imported before."""
    output = run_program("engine/imported_twice", PALTABRAIN_SDK_ENGINE="native")
    assert output.splitlines() == ["native 1 0", "python 1 0"]
