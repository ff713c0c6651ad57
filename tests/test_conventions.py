"""What test files keep to: they ask for behaviour, and their programs are files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.sdk import ROOT

TESTS = ROOT / "tests"
PACKAGE = ROOT / "src" / "paltabrain_fast"


def name_of(path: Path) -> str:
    return path.relative_to(TESTS).as_posix()


FILES = sorted(TESTS.rglob("*.py"))
NAMES_OF_GENERATED_CODE = {"_context", "_header", "_payload"}
"""Attributes that each generated module reads and writes, so that they are no secret of ours."""

_DEFINITION = re.compile(r"(?:\bdef |\bclass |\bself\.|^\s*)(_[A-Za-z]\w*)", re.MULTILINE)


def defined_names() -> set[str]:
    """The private names of functions, classes, attributes and variables of the package."""
    sources = [path for suffix in ("py", "pyx") for path in PACKAGE.rglob(f"*.{suffix}")]
    found = (_DEFINITION.findall(path.read_text("utf-8")) for path in sources)
    return {name for names in found for name in names} - NAMES_OF_GENERATED_CODE


PRIVATE = defined_names()


def private_names(source: str) -> Iterator[str]:
    """Names private to the package that the code reads, imports, calls or replaces.

    What a class asks of itself and of its bases is its own affair, and ``os._exit`` is not ours.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls" | "os")):
                continue
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                continue
            case ast.Attribute(attr=name):
                names = [name]
            case ast.ImportFrom(module=str(module), names=imported) if "paltabrain" in module:
                names = [alias.name for alias in imported]
            case ast.Call(args=[_, ast.Constant(value=str(name)), *_]):  # of setattr, patch.object
                names = [name]
            case ast.Constant(value=str(text)) if text.startswith("paltabrain_fast."):
                names = [text.rpartition(".")[2]]
            case _:
                continue
        yield from (name for name in names if name in PRIVATE)


def programs(source: str) -> Iterator[str]:
    """Texts of more than three lines that could be run: they import something."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)):
                pass
            case ast.JoinedStr(values=parts):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "_" for part in parts
                )
            case _:
                continue
        if text.strip().count("\n") > 2 and _imports(text):
            yield text


def _imports(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(statement, ast.Import | ast.ImportFrom) for statement in body)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_private_names_are_in_the_probe_alone(path: Path) -> None:
    if path.parent != TESTS / "support" / "probe":
        assert not list(private_names(path.read_text("utf-8")))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_programs_are_files(path: Path) -> None:
    if path != TESTS / "schema" / "test_form.py":  # it has the beginning of a generated module
        assert not list(programs(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "line",
    [
        "sdk._control",
        "make()._control.flush()",
        "from paltabrain_fast.delivery.sender import _halves",
        "monkeypatch.setattr(sender, '_halves', None)",
        "monkeypatch.setattr('paltabrain_fast.delivery.sender._halves', None)",
        "patch.object(sender, '_halves')",
        "class Own(Sdk):\n    def track(self, other):\n        other._control",
    ],
)
def test_private_name_is_noticed(line: str) -> None:
    assert [name for name in private_names(line) if name in ("_control", "_halves")]


@pytest.mark.parametrize(
    "line",
    [
        "os._exit(1)",
        "event._payload",
        "self._control",
        "super()._halves()",
        "'_halves'",
        "x._nobodys",
    ],
)
def test_what_is_not_private_to_the_package_is_let_through(line: str) -> None:
    assert not list(private_names(line))


def test_program_is_noticed() -> None:
    program = "\n".join(["import os", "", "x = 1", "print(os, x)"])
    assert list(programs(f"code = {program!r}")) == [program]
    assert list(programs("code = f'import os\\n\\nx = {1}\\nprint(os, x)\\n'"))
    assert not list(programs("code = 'import os; print(os)'"))
    assert not list(programs("text = 'first\\nsecond\\nthird\\nfourth\\n'"))
