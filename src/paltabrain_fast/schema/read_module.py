"""Reads a generated module without running it: the schema that it was made from, as it shows."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import DecodeError

from ..errors import PaltabrainError
from .descriptor import PACKAGE
from .model import Enum, EnumValue, Group, Kind, Property, Schema

__all__ = ["ModuleReadError", "ReadModule", "read_module", "read_package"]

_FILES: Final = ("__init__.py", "config_v2_pb2.py")
_DEPRECATED: Final = "{DEPRECATED}"
_ENTRY: Final = re.compile(r"^\s*:(?:param|var) (\w+): *(.*)$", re.MULTILINE)

_KINDS: Final = {
    "bool": Kind.BOOLEAN,
    "Decimal": Kind.DECIMAL,
    "int": Kind.INTEGER,
    "str": Kind.STRING,
    "datetime": Kind.TIMESTAMP,
}
_WIRE_KINDS: Final = {
    FieldDescriptorProto.TYPE_BOOL: Kind.BOOLEAN,
    FieldDescriptorProto.TYPE_STRING: Kind.STRING,
}


class ModuleReadError(PaltabrainError):
    """The files are no config module; the text is shown to the user."""


@dataclass(frozen=True, slots=True)
class ReadModule:
    """A generated module, as its source says.

    Attributes:
        schema: groups, enums and events. Descriptions of deprecated things are there; precision and
            scale of decimals are not.
        lines: where each class begins, and each setter, in ``__init__.py``: by ``EventPageOpen``,
            ``EnumTheme``, ``Context.set_user``, ``Event.set_parent``.
        parameters: the properties by the names that constructors and setters take them, by the same
            names of classes and setters.
        names: all names that the module defines or imports at its top level.
    """

    schema: Schema
    lines: Mapping[str, int]
    parameters: Mapping[str, Mapping[str, Property]]
    names: frozenset[str]


def read_package(directory: Path) -> ReadModule:
    """Read the module in a directory.

    Raises:
        ModuleReadError: a file is missing, or is not that of a config module.
    """
    sources = []
    for name in _FILES:
        try:
            sources.append((directory / name).read_bytes())
        except OSError as error:
            text = f"{directory} is no config module: {name}: {error.strerror}"
            raise ModuleReadError(text) from None
    return read_module(*sources)


def read_module(init: bytes, messages: bytes) -> ReadModule:
    """Read a module from the sources of its two files.

    Args:
        init: of ``__init__.py``.
        messages: of ``config_v2_pb2.py``.

    Raises:
        ModuleReadError: they are not those of a config module.
    """
    classes = _Classes(_parsed(init, _FILES[0]))
    file = _descriptor(_parsed(messages, _FILES[1]))
    types = {message.name: message for message in file.message_type}
    parameters: dict[str, dict[str, Property]] = {}

    def groups(message: str, prefix: str, setters_of: str) -> Iterator[Group]:
        for member in types[message].field if message in types else ():
            type_name = member.type_name.rpartition(".")[2]
            of_event = setters_of == ""
            group_name = type_name.removeprefix(prefix)
            where = f"Event{group_name}" if of_event else f"{setters_of}.set_{member.name}"
            function = classes.functions.get(where)
            group = _group(group_name, member.number, types[type_name], function)
            parameters[where] = _by_parameter(group, function)
            yield group

    schema = Schema(
        context=tuple(groups("Context", "Context", "Context")),
        header=tuple(groups("EventHeader", "EventHeader", "Event")),
        enums=tuple(classes.enums()),
        events=tuple(groups("EventPayload", "EventPayload", "")),
    )
    return ReadModule(schema, classes.lines, parameters, classes.names)


def _parsed(source: bytes, name: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ModuleReadError(f"{name} is not valid Python: {error}") from None


def _descriptor(tree: ast.Module) -> FileDescriptorProto:
    """Find the descriptor among the bytes of ``config_v2_pb2.py``, however they are registered."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            file = FileDescriptorProto()
            try:
                file.ParseFromString(node.value)
            except DecodeError:
                continue
            if file.package == PACKAGE:
                return file
    raise ModuleReadError(f"{_FILES[1]} has no descriptor of {PACKAGE}")


@dataclass(slots=True)
class _Documented:
    """What a docstring says of the thing itself, and of each of its entries."""

    summary: str = ""
    entries: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, node: ast.ClassDef | ast.FunctionDef | None) -> _Documented:
        text = (node and ast.get_docstring(node)) or ""
        match = _ENTRY.search(text)
        summary = text[: match.start()] if match else text
        return cls(" ".join(summary.split()), dict(_ENTRY.findall(text)))


class _Classes:
    """The classes of ``__init__.py``."""

    def __init__(self, tree: ast.Module) -> None:
        self._enums: list[ast.ClassDef] = []
        self.functions: dict[str, ast.FunctionDef] = {}
        self.lines: dict[str, int] = {}
        self.names = frozenset(_top_level_names(tree))
        for node in tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            self.lines[node.name] = node.lineno
            if node.name.startswith("Enum"):
                self._enums.append(node)
            for function in node.body:
                if not isinstance(function, ast.FunctionDef):
                    continue
                if function.name == "__init__":
                    self.functions[node.name] = function
                elif function.name.startswith("set_"):
                    name = f"{node.name}.{function.name}"
                    self.functions[name] = function
                    self.lines[name] = function.lineno

    def enums(self) -> Iterator[Enum]:
        for node in self._enums:
            documented = _Documented.of(node)
            values = tuple(_enum_values(node, documented))
            name = node.name.removeprefix("Enum")
            yield Enum(name, 0, documented.summary, _is_deprecated(documented.summary), values)


def _top_level_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.Assign(targets=targets):
                yield from (each.id for each in targets if isinstance(each, ast.Name))


def _enum_values(node: ast.ClassDef, documented: _Documented) -> Iterator[EnumValue]:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != "UNKNOWN":
                try:
                    number = ast.literal_eval(value)
                except ValueError:
                    continue
                text = documented.entries.get(name, "")
                yield EnumValue(name, number, text, _is_deprecated(text))


def _group(
    name: str, number: int, message: DescriptorProto, function: ast.FunctionDef | None
) -> Group:
    documented = _Documented.of(function)
    annotations = _annotations(function)
    maps = {nested.name for nested in message.nested_type if nested.options.map_entry}
    values = {nested.name: nested.field[1].type for nested in message.nested_type if nested.field}
    properties = []
    for member in message.field:
        entry = member.type_name.rpartition(".")[2]
        is_map = entry in maps
        wire = values.get(entry, member.type)
        parameter = member.name if member.name in annotations else f"{member.name}_"
        kind, enum = _kind(annotations.get(parameter), wire)
        text = documented.entries.get(parameter, "")
        properties.append(
            Property(
                name=member.name,
                id=member.number,
                kind=kind,
                description=text,
                is_deprecated=_is_deprecated(text),
                is_repeated=member.label == FieldDescriptorProto.LABEL_REPEATED and not is_map,
                is_map=is_map,
                enum=enum,
            )
        )
    summary = documented.summary
    return Group(name, number, summary, _is_deprecated(summary), tuple(properties))


def _is_deprecated(text: str) -> bool:
    return text.startswith(_DEPRECATED)


def _by_parameter(group: Group, function: ast.FunctionDef | None) -> dict[str, Property]:
    taken = _annotations(function)
    names = {prop.name: prop for prop in group.properties}
    return {
        (name if function is None or name in taken else f"{name}_"): prop
        for name, prop in names.items()
    }


def _annotations(function: ast.FunctionDef | None) -> dict[str, ast.expr | None]:
    if function is None:
        return {}
    arguments = [*function.args.args[1:], *function.args.kwonlyargs]
    return {argument.arg: argument.annotation for argument in arguments}


def _kind(annotation: ast.expr | None, wire: int) -> tuple[Kind, str | None]:
    """Return the kind of a property, and the name of its enum: by its annotation, or by the wire.

    The name of the type is the last one in the annotation: ``Optional[Dict[str, EnumTheme]]``.
    """
    found = [] if annotation is None else re.findall(r"\w+", ast.unparse(annotation))
    named = [name for name in found if name in _KINDS or name.startswith("Enum")]
    if not named:
        return _WIRE_KINDS.get(wire, Kind.INTEGER), None  # type: ignore[call-overload]
    name = named[-1]
    if name in _KINDS:
        return _KINDS[name], None
    return Kind.ENUM, name.removeprefix("Enum")
