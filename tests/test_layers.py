"""Imports point one way: from what users see down to facts that depend on nothing.

This reads Cython as well as Python, which ``import-linter`` does not, and counts every import: also
one within a function, and one that only a type checker sees.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parent.parent / "src" / "paltabrain_fast"
SUFFIXES: Final = (".py", ".pyx", ".pxd")

LAYERS: Final = [
    {"", "__main__", "__pyinstaller"},
    {"cli", "alias", "contrib", "testing"},
    {"collector"},
    {"schema"},
    {"sdk"},
    {"compat", "explanation"},
    {"delivery"},
    {"base", "utils", "options", "scope"},
    {"transport"},
    {"decoding"},
    {"_engine.choice"},
    {"_native", "_reference"},
    {"encoding"},
    {"_engine.protocol", "_engine"},
    {"process"},
    {"constant", "errors", "sdk_pb2", "version"},
    {"records"},
]
"""From the highest to the lowest. A package imports from its own modules and from lower layers."""

UNUSED_BY_THE_SDK: Final = ("cli", "collector", "contrib", "schema", "testing")

_CIMPORT: Final = re.compile(r"^\s*from\s+(\.+)([\w.]*)\s+c?import\s+(\([^)]*\)|.*)", re.MULTILINE)


def name_of(path: Path) -> str:
    """Return the name of a module below the package; the package itself is ``""``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = sorted(
    (path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES), key=lambda path: str(path)
)
NAMES: Final = {name_of(path) for path in MODULES}


def relative_imports(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield level, module and names of each relative import of a source file."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        for dots, module, names in _CIMPORT.findall(source):
            yield len(dots), module, re.findall(r"(\w+)(?:\s+as\s+\w+)?", names)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.level, node.module or "", [alias.name for alias in node.names]


def imports(path: Path) -> set[str]:
    """Return the modules of the package that a source file imports."""
    package = [*path.relative_to(PACKAGE).parent.parts]
    found = set()
    for level, module, names in relative_imports(path):
        base = package[: len(package) - level + 1] + [part for part in module.split(".") if part]
        for name in names:
            whole = ".".join([*base, name])
            found.add(whole if whole in NAMES else ".".join(base))
    return found


def layer_of(module: str) -> int:
    """Return the index in ``LAYERS`` of the longest entry that a module is, or belongs to."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        for index, layer in enumerate(LAYERS):
            if ".".join(parts[:length]) in layer:
                return index
    raise AssertionError(f"{module} is in no layer: which one is it to be?")


def unit_of(module: str) -> str:
    """Return the entry of ``LAYERS`` that a module belongs to."""
    return max(
        (entry for entry in LAYERS[layer_of(module)] if f"{module}.".startswith(f"{entry}.")),
        key=len,
        default=module,
    )


def test_the_figure_of_the_layers_is_right() -> None:
    text = (PACKAGE.parent.parent / "docs" / "architecture.md").read_text("utf-8")
    figure = re.search(r"^## Rooms.*?^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert figure is not None
    rooms = [set(line.split("  ")[0].split(" · ")) for line in figure[1].splitlines()]
    _, *layers = LAYERS
    for shown, layer in zip(rooms, layers, strict=True):
        assert shown <= layer


def test_the_package_imports_itself_relatively() -> None:
    """Or else the other tests would not see it."""
    absolute = re.compile(r"^\s*(from|c?import)\s+paltabrain_fast\b", re.MULTILINE)
    assert [str(path) for path in MODULES if absolute.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    module = name_of(path)
    upward = {
        imported
        for imported in imports(path)
        if unit_of(imported) != unit_of(module) and layer_of(imported) <= layer_of(module)
    }
    assert not upward, f"{module} imports from its own layer, or one above: {upward}"


def test_no_module_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        graph.setdefault(name_of(path), set()).update(imports(path) - {name_of(path)})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_the_sdk_imports_none_of_the_extras() -> None:
    graph = {name_of(path): imports(path) for path in MODULES if path.suffix == ".py"}
    reached, waiting = set[str](), ["", "sdk"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += graph.get(module, ())
    assert not {module for module in reached if module.split(".")[0] in UNUSED_BY_THE_SDK}


def test_cython_is_read() -> None:
    found = imports(PACKAGE / "_native" / "classes.pyx")
    assert {"process.log", "encoding.recognition", "_native.plan", "_native.base"} <= found
