"""Finds what a source file does with a config module: imports, tracking calls, names."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ...schema.model import Group
from ...schema.names import ENUM_ATTRIBUTES
from ...schema.read_module import ReadModule
from .arguments import wrong_constants
from .bindings import bindings

__all__ = ["ConfigModule", "Problem", "Uses", "last_part", "uses_of"]

_CONTEXT: Final = "Context"
_PACKAGE: Final = ""
"""Stands for the module itself, where a name may stand for one of its classes."""


class Problem(NamedTuple):
    """Something that is wrong in a file, at a line."""

    line: int
    text: str


class Uses(NamedTuple):
    """What a file does with the module.

    Attributes:
        problems: what is wrong, in the order of the lines.
        names: names and texts in it, outside of imports.
    """

    problems: list[Problem]
    names: frozenset[str]


class ConfigModule:
    """A config module, and what may be used of it.

    Args:
        directory: where it is.
        read: what is in it.
    """

    def __init__(self, directory: Path, read: ReadModule) -> None:
        schema = read.schema
        self.name = directory.name
        self.parameters = read.parameters
        self.enums = {
            f"Enum{enum.name}": {value.name: value for value in enum.values}
            for enum in schema.enums
        }
        self.groups = {
            _CONTEXT: [group.field_name for group in schema.context],
            "Event": [group.field_name for group in schema.header],
        }
        self.events = {f"Event{event.name}" for event in schema.events}
        self.members = read.names | {"config_v2_pb2"}
        self.deprecated = dict(self._deprecated(schema.events, "Event{}"))
        self.deprecated |= self._deprecated(schema.context, "Context.set_{}")
        self.deprecated |= self._deprecated(schema.header, "Event.set_{}")
        self.deprecated |= {
            f"Enum{enum.name}": enum.description for enum in schema.enums if enum.is_deprecated
        }
        self._directory = directory.resolve()

    @staticmethod
    def _deprecated(groups: Iterable[Group], place: str) -> dict[str, str]:
        return {
            place.format(group.name if place == "Event{}" else group.field_name): group.description
            for group in groups
            if group.is_deprecated
        }

    def is_named(self, file: Path, module: str, level: int) -> bool:
        """Tell whether an import statement of a file means this module.

        Args:
            file: where the statement is.
            module: the dotted name.
            level: the number of dots before it.
        """
        parts = [part for part in module.split(".") if part]
        if level:
            base = file.resolve().parents[level - 1]
            return base.joinpath(*parts) == self._directory
        if not parts or list(self._directory.parts[-len(parts) :]) != parts:
            return False
        root = self._directory.parents[len(parts) - 1]
        for each in file.resolve().parents:
            if each == root and not (each / "__init__.py").exists():
                return True
            found = each.joinpath(*parts)
            is_module = (found / "__init__.py").exists() or found.with_suffix(".py").exists()
            if is_module and found != self._directory:
                return False  # another one of this name, as of another service
        return True


def uses_of(module: ConfigModule, file: Path, tree: ast.Module) -> Uses:
    """Look at one file.

    Args:
        module: the module that it may use.
        file: its path, by which relative imports are resolved.
        tree: what is in it.
    """
    finder = _Finder(module, file)
    finder.bind(tree)
    for node in ast.walk(tree):  # not recursive: sources may be nested as deep as Python takes
        finder.look(node)
    problems = sorted(dict.fromkeys(finder.problems))
    return Uses(problems, frozenset(finder.names))


class _Finder:
    def __init__(self, module: ConfigModule, file: Path) -> None:
        self._module = module
        self._file = file
        self._bound: dict[str, str] = {}  # local names of classes of the module, or of itself
        self._packages: set[str] = set()  # dotted names of the module itself
        self._ours: set[ast.AST | None] = set()  # what has bound these
        self._objects: dict[str, str | None] = {}  # what variables hold: an event class, Context
        self.problems: list[Problem] = []
        self.names: set[str] = set()

    def bind(self, tree: ast.Module) -> None:
        """Find out which names stand for what, before the calls are looked at."""
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom():
                    self._import_from(node)
                case ast.Import(names=aliases):
                    for alias in aliases:
                        if self._module.is_named(self._file, alias.name, 0):
                            self._packages.add(alias.asname or alias.name)
                            self._ours.add(alias)
        names = list(bindings(tree))
        self._forget_others(names)
        for name, by in names:
            match by:
                case ast.expr():
                    self._assign(name, self._object(by))
                case ast.withitem(context_expr=ast.Call(func=function)):
                    is_scope = last_part(function) == "scoped_context"
                    self._assign(name, _CONTEXT if is_scope else None)
                case ast.arg(annotation=ast.expr() as annotation):
                    self._assign(name, self._class_named(annotation))
                case _:
                    self._assign(name, None)

    def _forget_others(self, names: Iterable[tuple[str, ast.AST | None]]) -> None:
        """Leave alone what is bound to something else, too, as a parameter of that name is."""
        bound: set[str] = set()
        imported: set[str] = set()
        for name, by in names:
            if by not in self._ours:
                (imported if isinstance(by, ast.alias) else bound).add(name)
        for name in bound | imported:
            self._bound.pop(name, None)
        self._packages -= imported  # but import shop leaves shop.my_config
        self._packages = {name for name in self._packages if name.partition(".")[0] not in bound}

    def _assign(self, name: str, holds: str | None) -> None:
        """Note what a variable holds; one that holds various things is left alone."""
        if self._objects.setdefault(name, holds) != holds:
            self._objects[name] = None

    def _import_from(self, node: ast.ImportFrom) -> None:
        name, level = node.module or "", node.level
        if self._module.is_named(self._file, name, level):
            self._ours.update(node.names)
            for alias in node.names:
                if alias.name == "*":
                    self._bound |= {member: member for member in self._module.members}
                elif self._has(alias.name, alias.lineno):
                    self._bound[alias.asname or alias.name] = alias.name
            return
        for alias in node.names:
            dotted = f"{name}.{alias.name}" if name else alias.name
            if self._module.is_named(self._file, dotted, level):
                self._bound[alias.asname or alias.name] = _PACKAGE
                self._ours.add(alias)

    def _has(self, member: str, line: int) -> bool:
        """Tell whether the module has something of this name; if not, that is a problem."""
        if member in self._module.members or member.startswith("__"):
            return True
        hint = _close(member, self._module.members)
        self.problems.append(Problem(line, f"{self._module.name} has no {member}{hint}"))
        return False

    def look(self, node: ast.AST) -> None:
        """Look at a node, but not at those in it."""
        match node:
            case ast.Constant(value=str(text)):
                self.names.add(text)
            case ast.Name(id=name):
                self.names.add(name)
                self._note_use(node)
            case ast.Attribute():
                self._look_at_attribute(node)
            case ast.Call(func=function):
                called = self._member(function)
                if called in self._module.events:
                    self._check_call(node, called, called)
                elif isinstance(function, ast.Attribute) and function.attr.startswith("set_"):
                    self._check_setter(node, function)

    def _look_at_attribute(self, node: ast.Attribute) -> None:
        self.names.add(node.attr)
        self._note_use(node)
        owner = self._member(node.value)
        if owner == _PACKAGE:
            self._has(node.attr, node.lineno)
        if owner in self._module.enums:
            self._check_enum(owner, node)

    def _note_use(self, node: ast.Name | ast.Attribute) -> None:
        member = self._member(node)
        if member in self._module.deprecated:
            self._deprecated(node.lineno, member, self._module.deprecated[member])

    def _deprecated(self, line: int, what: str, description: str) -> None:
        why = description.removeprefix("{DEPRECATED}").strip()
        self.problems.append(Problem(line, f"{what} is deprecated{f': {why}' if why else ''}"))

    def _check_enum(self, enum: str, node: ast.Attribute) -> None:
        values = self._module.enums[enum]
        if node.attr in values:
            if values[node.attr].is_deprecated:
                name = f"{enum}.{node.attr}"
                self._deprecated(node.lineno, name, values[node.attr].description)
        elif node.attr not in ENUM_ATTRIBUTES | {"UNKNOWN"} and not node.attr.startswith("_"):
            hint = _close(node.attr, values)
            self.problems.append(Problem(node.lineno, f"{enum} has no {node.attr}{hint}"))

    def _check_setter(self, node: ast.Call, function: ast.Attribute) -> None:
        holder = self._object(function.value)
        is_sure = holder is not None
        if holder is None and last_part(function.value) == "context":
            holder = _CONTEXT
        if holder is None:
            return
        owner = _CONTEXT if holder == _CONTEXT else "Event"
        where = f"{owner}.{function.attr}"
        group = function.attr.removeprefix("set_")
        if group in self._module.groups[owner]:
            if where in self._module.deprecated:
                self._deprecated(node.lineno, where, self._module.deprecated[where])
            self._check_call(node, where, where)
        elif is_sure:
            hint = _close(function.attr, [f"set_{each}" for each in self._module.groups[owner]])
            self.problems.append(Problem(node.lineno, f"{holder} has no {function.attr}(){hint}"))

    def _check_call(self, node: ast.Call, called: str, where: str) -> None:
        """Look at the arguments of a constructor or setter."""
        taken = self._module.parameters.get(where, {})
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                text = f"{called}() takes its properties by name, not {ast.unparse(argument)[:40]}"
                self.problems.append(Problem(argument.lineno, text))
        for keyword in node.keywords:
            if keyword.arg is None:
                continue
            prop = taken.get(keyword.arg)
            if prop is None:
                hint = _close(keyword.arg, taken)
                text = f"{called}() has no property {keyword.arg}{hint}"
                self.problems.append(Problem(keyword.value.lineno, text))
                continue
            name = f"{called}({keyword.arg})"
            if prop.is_deprecated:
                self._deprecated(keyword.value.lineno, name, prop.description)
            for wrong, text in wrong_constants(prop, keyword.value, self._enum_of):
                self.problems.append(Problem(wrong.lineno, f"{name} {text}"))

    def _enum_of(self, node: ast.expr) -> str | None:
        if not isinstance(node, ast.Attribute):
            return None
        member = self._member(node.value)
        return member.removeprefix("Enum") if member in self._module.enums else None

    def _object(self, node: ast.expr) -> str | None:
        """Return what an expression makes: the name of an event class, ``Context``, or ``None``."""
        match node:
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr.startswith("set_"):
                return self._object(inner)
            case ast.Call(func=function):
                return self._class_named(function)
            case ast.Name(id=name):
                return self._objects.get(name)
        return None

    def _class_named(self, node: ast.expr) -> str | None:
        member = self._member(node)
        return member if member == _CONTEXT or member in self._module.events else None

    def _member(self, node: ast.expr) -> str | None:
        """Return the class of the module that an expression means; ``""`` for the module itself."""
        if isinstance(node, ast.Name) and node.id in self._bound:
            return self._bound[node.id]
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        if self._packages and _dotted(node) in self._packages:
            return _PACKAGE
        if isinstance(node, ast.Attribute) and self._member(node.value) == _PACKAGE:
            return node.attr
        return None


def _dotted(node: ast.expr) -> str | None:
    """Return a dotted name; ``None`` if it is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def last_part(node: ast.expr) -> str | None:
    """Return the last part of a dotted name."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return None


def _close(name: str, names: Iterable[str] | Mapping[str, object]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""
