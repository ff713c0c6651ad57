"""Writes the rows of a query: as a table, as JSON, as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..encoding.display import counted
from .values import is_number, text_value

__all__ = ["Result", "as_line", "printable", "write_csv", "write_json", "write_table"]

_NARROWEST: Final = 12
"""Width that a column keeps at least, in cells, before rows are written below each other."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gives.

    Attributes:
        columns: name, and DuckDB's type, of each column.
        rows: the rows, of JSON values; they may be read once only.
    """

    columns: list[tuple[str, str]]
    rows: Iterable[list[Any]]


def as_line(document: Any) -> str:
    """Return a document as one line of JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": "))


def printable(text: str) -> str:
    """Return a text without what could control a terminal: such characters are escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def write_json(result: Result) -> None:
    """Write each row as an object, one a line."""
    names = _distinct(name for name, _ in result.columns)
    for row in result.rows:
        sys.stdout.write(as_line(dict(zip(names, row, strict=True))) + "\n")


def write_csv(result: Result) -> None:
    """Write a header and the rows as CSV; what is not set is empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(name for name, _ in result.columns)
    writer.writerows(_texts(result, row) for row in result.rows)


def write_table(result: Result) -> None:
    """Write a table that fits the terminal, or, where the output is none, one without lines.

    Where the columns do not fit beside each other, the values of a row are written below each
    other. Nothing is cut off.
    """
    names = [name for name, _ in result.columns]
    rows = [[printable(text) for text in _texts(result, row)] for row in result.rows]
    right = [is_number(type_) for _, type_ in result.columns]
    if not sys.stdout.isatty():
        _write_plain(names, rows, right)
        return
    console = Console(highlight=False)
    wraps = [_wraps(type_) for _, type_ in result.columns]
    widths = [
        max(cell_len(name), min(_NARROWEST, widest)) if does_wrap else widest
        for name, does_wrap, widest in zip(names, wraps, _widths([names, *rows]), strict=True)
    ]
    if sum(widths) + 3 * len(widths) + 1 <= console.width:
        table = Table(box=box.ROUNDED, header_style="bold")
        for name, is_right, does_wrap in zip(names, right, wraps, strict=True):
            table.add_column(
                Text(name),
                overflow="fold",
                min_width=cell_len(name),
                no_wrap=not does_wrap,
                justify="right" if is_right else "left",
            )
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
        console.print(counted(len(rows), "row"), style="dim")
        return
    for number, row in enumerate(rows, start=1):
        console.rule(f"row {number}", align="left", style="dim")
        fields = Table.grid(padding=(0, 2))
        fields.add_column(style="bold", no_wrap=True)
        fields.add_column(overflow="fold")
        for name, value in zip(names, row, strict=True):
            if value:
                fields.add_row(Text(name), Text(value))
        console.print(fields)
    console.print(
        f"{counted(len(rows), 'row')}; columns that are not set are left out", style="dim"
    )


def _write_plain(names: list[str], rows: list[list[str]], right: list[bool]) -> None:
    lines = [names, *rows]
    widths = _widths(lines)
    for line in lines:
        fills = [" " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        cells = (
            fill + cell if is_right else cell + fill
            for cell, fill, is_right in zip(line, fills, right, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _wraps(type_: str) -> bool:
    """Whether values of this type of DuckDB may be long: texts, and what holds other values."""
    return type_.startswith(("VARCHAR", "MAP", "STRUCT", "JSON")) or type_.endswith("]")


def _widths(lines: list[list[str]]) -> list[int]:
    """Return the cells that each column takes."""
    return [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]


def _texts(result: Result, row: list[Any]) -> list[str]:
    return [text_value(value, type_) for value, (_, type_) in zip(row, result.columns, strict=True)]


def _distinct(names: Iterable[str]) -> list[str]:
    """Number names that come again, so that no key of an object is lost."""
    taken: list[str] = []
    for name in names:
        number, free = 1, name
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        taken.append(free)
    return taken
