"""Reads a YAML document as values that know their line and path, and collects its problems."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from .errors import Problem, SchemaError

MAX_FILE_BYTES: Final = 4 << 20
MAX_VALUES: Final = 200_000
"""Largest number of values in a document. A value counts at each alias of it: no alias bombs."""

_TAG: Final = "tag:yaml.org,2002:"
_DECIMAL_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")


@dataclass(slots=True)
class Report:
    """The problems of one file, collected while it is read."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    values_left: int = MAX_VALUES

    def add(self, line: int, path: str, message: str) -> None:
        """Record one problem."""
        self.problems.append(Problem(self.file, line, path, message))

    def fail(self, line: int, path: str, message: str) -> SchemaError:
        """Record a problem that ends the reading; return the error to raise."""
        self.add(line, path, message)
        return SchemaError(self.problems)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the document.

    Each method reads it as one type. If it has another type, the method records a problem and
    returns a default, so that reading goes on and finds further problems.

    Attributes:
        report: where problems are recorded.
        node: the YAML node.
        name: the key of the value.
        path: the keys from the top level to the value, joined by dots.
        line: the line of the key, from 1.
    """

    report: Report
    node: yaml.Node
    name: str
    path: str
    line: int

    def problem(self, message: str) -> None:
        """Record a problem of this value."""
        self.report.add(self.line, self.path, message)

    def members(self) -> dict[str, Value]:
        """Read a mapping: its members by key, in the order of the file; empty if nothing is there.

        Keys are taken as written: ``NO`` and ``on`` are names, not YAML's booleans.
        """
        if self._is("null"):
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            self.problem("must be a mapping")
            return {}
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            self.report.values_left -= 1
            if self.report.values_left < 0:
                raise self.report.fail(
                    self.line, self.path, f"the schema has more than {MAX_VALUES} values"
                )
            line = key.start_mark.line + 1
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            shown = name if name.isidentifier() else reprlib.repr(name)
            member = Value(
                self.report, node, name, f"{self.path}.{shown}" if self.path else shown, line
            )
            if not isinstance(key, yaml.ScalarNode):
                member.problem("a key must be plain text")
            elif name in found:
                member.problem(f"duplicate key, first used in line {found[name].line}")
            else:
                found[name] = member
        return found

    def fields(self, known: Collection[str]) -> dict[str, Value]:
        """Read a mapping; report each key that is not one of ``known``, and leave it out."""
        members = self.members()
        for name, member in members.items():
            if name not in known:
                member.problem(f"unknown key, expected one of {', '.join(known)}")
        return {name: member for name, member in members.items() if name in known}

    def text(self) -> str:
        """Read a scalar as text, as written; empty if nothing is there.

        Surrogate pairs, which JSON's escapes for characters beyond U+FFFF make, are joined.
        """
        if self._is("null"):
            return ""
        if not isinstance(self.node, yaml.ScalarNode):
            self.problem("must be text")
            return ""
        try:
            return str(self.node.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.problem("is not Unicode text: half a surrogate pair")
            return ""

    def boolean(self) -> bool:
        """Read a boolean, in any of YAML's notations."""
        if self._is("bool") and self.node.value.lower() in yaml.SafeLoader.bool_values:
            return yaml.SafeLoader.bool_values[self.node.value.lower()]
        self.problem(f"must be true or false, not {self._shown()}")
        return False

    def integer(self) -> int | None:
        """Read an integer in plain decimal notation, of at most 19 digits."""
        if self._is("int") and _DECIMAL_INTEGER.fullmatch(self.node.value):
            return int(self.node.value)
        self.problem(f"must be an integer, not {self._shown()}")
        return None

    def _is(self, tag: str) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == _TAG + tag

    def _shown(self) -> str:
        if isinstance(self.node, yaml.ScalarNode):
            return reprlib.repr(self.node.value)
        return "a mapping" if isinstance(self.node, yaml.MappingNode) else "a list"


def read_document(path: Path) -> Value:
    """Read a YAML file.

    Raises:
        SchemaError: the file cannot be read, is too large, or is not one YAML document.
    """
    report = Report(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise report.fail(0, "", f"cannot be read: {reason}") from None
    if len(data) > MAX_FILE_BYTES:
        raise report.fail(0, "", f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise report.fail(line, "", f"is not UTF-8 text: {error.reason}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        parts = (part for part in (error.context, error.problem) if part)
        raise report.fail(line, "", f"YAML error: {' '.join(parts)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise report.fail(line, "", f"YAML error: {error.reason}") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise report.fail(0, "", f"YAML error: {reason}") from None
    if node is None:
        raise report.fail(0, "", "is empty")
    return Value(report, node, "", "", node.start_mark.line + 1)
