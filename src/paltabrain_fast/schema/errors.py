"""Errors of a schema: each problem with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem of a schema file.

    Attributes:
        file: path of the file.
        line: line of the problem, from 1; 0 if it concerns the whole file.
        path: place in the schema, like ``event.PageOpen.properties.page_id``; empty for the top
            level.
        message: what is wrong.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class SchemaError(ValueError):
    """A schema cannot be used.

    Attributes:
        problems: every problem, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
