"""Looks at the user's config module: importable, on our base classes, accelerated, current."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import ModuleType
from typing import Final

from ..._engine.choice import ContextBase, EventBase
from ..._engine.choice import name as engine
from ...encoding.display import counted
from ...errors import Diagnosis
from ...explanation import explain
from ...process.masking import error_text
from ...schema.compare import Side, differences
from ...schema.read_module import ModuleReadError, ReadModule, read_package
from .findings import Finding, fault, note, skipped, well

__all__ = ["module_findings"]

_DOWNLOAD: Final = "paltabrain-sdk-download-config --overwrite"
_GENERATE: Final = "paltabrain-fast generate schema.yaml"


def module_findings(name: str | None, served: ReadModule | None, secret: str) -> Iterator[Finding]:
    """Import a module as the application does, from the current directory, and look at it.

    Args:
        name: of the module; ``None``: there is nothing to look at.
        served: the module that the server sends, if it is known.
        secret: the API key, which the text of an exception may repeat.
    """
    names = ("config module", "base classes", "accelerated", "current")
    if name is None:
        yield skipped(names[0], "no module was named", "give --module my_config")
        return
    if not _is_name(name):
        yield fault(names[0], _no_name(name))
        for each in names[1:]:
            yield skipped(each, f"{name!r} is no name of a module")
        return
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the report may be JSON
            module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        yield _not_imported(name, error, secret)
        for each in names[1:]:
            yield skipped(each, f"{name} cannot be imported")
        return
    path = _directory(module)
    yield well(names[0], f"{name} is {path or 'no package'}")
    classes = list(_classes(module))
    if not classes:
        remedy = (
            "name the package that was downloaded or generated; to make one,"
            f" {_commands('my_config')}"
        )
        cause = f"{name} defines no events and no context"
        yield fault(names[1], Diagnosis("module", cause, remedy))
    else:
        yield from _base_classes(name, path, classes)
    if path is None or served is None:
        why = f"{name} has no files" if path is None else "the server's module is not known"
        yield skipped(names[3], why)
    else:
        yield _current(path, served)


def _is_name(text: str) -> bool:
    return not text.endswith(".py") and all(part.isidentifier() for part in text.split("."))


def _no_name(given: str) -> Diagnosis:
    """Say that a text is no name of a module; if it is the path of one, say its name."""
    name = ".".join(PurePath(given.removesuffix(".py")).parts)
    examples = name if _is_name(name) and name != given else "my_config or shop.my_config"
    remedy = f"give the name that your code imports, such as {examples}"
    return Diagnosis("module", f"{given!r} is no name of a module", remedy)


def _not_imported(name: str, error: BaseException, secret: str) -> Finding:
    if isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]:
        cause = f"there is no module {name} here"
        remedy = f"run this where your application starts, or {_commands(_path(name))}"
    elif isinstance(error, ModuleNotFoundError) and error.name == "paltabrain_sdk":
        cause = f"{name} imports paltabrain_sdk, which is not installed"
        remedy = "download or generate it again, or unset PALTABRAIN_SDK_NO_ALIAS"
    else:
        cause = f"{name} cannot be imported ({error_text(error, secret)})"
        remedy = f"make it again: {_commands(_path(name))}"
    return fault("config module", Diagnosis("module", cause, remedy))


def _directory(module: ModuleType) -> Path | None:
    paths = list(getattr(module, "__path__", ()))
    return Path(paths[0]) if paths else None


def _classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes of which there are events and contexts."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            is_event = hasattr(value, "serialize_payload") and getattr(value, "event_type_id", None)
            if is_event or hasattr(value, "serialize_context"):
                yield value


def _base_classes(name: str, path: Path | None, classes: list[type]) -> Iterator[Finding]:
    others = [cls for cls in classes if not issubclass(cls, EventBase | ContextBase)]
    if others:
        bases = [base for cls in others for base in cls.__mro__ if base.__name__.startswith("Base")]
        origin = bases[0].__module__.partition(".")[0] if bases else "its own"
        cause = f"{name} has the base classes of {origin}: its events are encoded more slowly"
        remedy = (
            f"make it again: {_commands(path or _path(name))}; or call"
            " paltabrain_fast.install_as_paltabrain_sdk() before it is imported"
        )
        yield fault("base classes", Diagnosis("module", cause, remedy))
    elif path is not None and b"from paltabrain_sdk" in _source(path):
        yield note(
            "base classes",
            "those of paltabrain_fast, if the application imports that before the module",
        )
    else:
        yield well("base classes", "those of paltabrain_fast")
    yield _accelerated(classes)


def _source(path: Path) -> bytes:
    try:
        return (path / "__init__.py").read_bytes()
    except OSError:
        return b""


def _accelerated(classes: list[type]) -> Finding:
    if engine != "native":
        return skipped("accelerated", "the engine is not the native one")
    explained = [(cls.__name__, explain(cls)) for cls in classes]
    slow = tuple(f"{name}: {each.reason}" for name, each in explained if not each.accelerated)
    if slow:
        cause = f"{len(slow)} of {len(classes)} classes are serialized by their own methods"
        remedy = (
            "they are slower, and do the same; take back what changes them to have them encoded"
        )
        return fault("accelerated", Diagnosis("module", cause, remedy), slow)
    return well(
        "accelerated",
        f"all {len(classes)} classes",
        tuple(f"{name}: accelerated" for name, _ in explained),
    )


def _current(path: Path, served: ReadModule) -> Finding:
    try:
        found = differences(read_package(path).schema, served.schema, "the server")
    except ModuleReadError as error:
        return skipped("current", str(error))
    if not found:
        return well("current", "as the server's module")
    remedy = _of_the_older({each.side for each in found}, _shown(path))
    cause = f"the module differs from the server's in {counted(len(found), 'point')}"
    return fault("current", Diagnosis("module", cause, remedy), tuple(each.text for each in found))


def _of_the_older(sides: set[Side], module: str) -> str:
    """Say which of module and server to bring up to date: the one that lacks something."""
    publish = (
        "publish its schema at the server, or start the collector with the schema that the module"
        " was made from; a download would replace it by the older one"
    )
    renew = f"{_commands(module)} again"
    if sides == {Side.MODULE}:
        return f"the module is newer: {publish}"
    if sides == {Side.OTHER}:
        return f"the server's is newer: {renew}"
    return f"if the server's is newer, {renew}; if the module is newer, {publish}"


def _path(name: str) -> str:
    """Return where the module of a name is made, from the directory that it is imported from."""
    return name.replace(".", "/")


def _commands(module: object) -> str:
    """Say by which commands a module is made at a path."""
    return f"download the module ({_DOWNLOAD} {module}) or generate it ({_GENERATE} {module})"


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return os.fspath(path) if relative.startswith("..") else relative
