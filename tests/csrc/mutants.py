"""Small faults for C sources: decisions that decide nothing, steps left out, orders too weak.

It reads C as this project writes it: functions start in the first column, operators have spaces.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
FUNCTION = re.compile(r"^\w[^;{}]*?(\w+)\([^;{}]*\)\n\{\n.*?^\}", re.DOTALL | re.MULTILINE)
CONDITION = re.compile(r"\b(?:if|while) \(|\bfor \([^;]*; |\breturn (?=[^;?{]* [=!<>]=? )")
OPERATOR = re.compile(r" (?:&&|\|\||\?)\s")
OPERAND_STARTS = re.compile(r"(?:&&|\|\||\?|return|[;{,]| =)\s$")
STEP = re.compile(r"(?<=    )(?:[\w>-]+ = )?pbf_\w+\([^;]*;")
STRONG = re.compile(r"\b(?:acquire|release|acq_rel|seq_cst)\)")


class Mutant(NamedTuple):
    file: str
    function: str
    fault: str  # unique in the function
    source: str  # the whole file, with the fault


def mutants(path: Path) -> list[Mutant]:
    """Make one mutant for each small fault that a function of the file may have."""
    source = _without_comments(path.read_text())
    found = []
    functions = list(FUNCTION.finditer(source))
    assert len(functions) == len(re.findall(r"^\{", source, re.MULTILINE)), "one went unseen"
    for function in functions:
        for start, end, new, fault in _edits(source, *function.span()):
            mutated = source[:start] + new + source[end:]
            found.append(Mutant(path.name, function[1], " ".join(fault.split()), mutated))
    return found


def rewritten(path: Path, function: str, old: str, new: str) -> Mutant:
    """Make the mutant in which ``old``, however it is spaced, is ``new``."""
    source = _without_comments(path.read_text())
    (span,) = [found.span() for found in FUNCTION.finditer(source) if found[1] == function]
    wanted = re.compile(r"\s+".join(map(re.escape, old.split())))
    places = list(wanted.finditer(source, *span))
    assert len(places) == 1, f"{function}: in the source {len(places)} times: {old}"
    mutated = source[: places[0].start()] + new + source[places[0].end() :]
    return Mutant(path.name, function, f"now {new}", mutated)


def _without_comments(text: str) -> str:
    return COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), text)


def _edits(source: str, start: int, end: int) -> list[tuple[int, int, str, str]]:
    """What to replace, by what, and how to call it."""
    edits = [
        (*operand, f"((void)({shown}), {constant})", f"{shown} is {constant}")
        for operand in _operands(source, start, end)
        for shown in [source[slice(*operand)]]
        for constant in ("true", "false")
    ]
    edits += [
        (*step.span(), ";", f"without {step[0]}")
        for step in STEP.finditer(source, start, end)
        if not source[: step.start()].rstrip().endswith("=")  # the rest of a statement
    ]
    for order in STRONG.finditer(source, start, end):
        statement = max(source.rfind(mark, 0, order.start()) for mark in ";{}") + 1
        shown = source[statement : order.end()]
        edits.append((*order.span(), "relaxed)", f"{shown} is relaxed"))
        if order[0] == "seq_cst)":
            edits.append((*order.span(), "acq_rel)", f"{shown} is not seq_cst"))
    return edits


def _operands(source: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where something is decided: by a condition, by a comparison that is returned, or by an
    operand of ``&&`` and ``||`` or in front of ``?``."""
    found = set()
    for condition in CONDITION.finditer(source, start, end):
        found.add((condition.end(), _operand_end(source, condition.end())))
    for operator in OPERATOR.finditer(source, start, end):
        found.add((_operand_start(source, operator.start()), operator.start()))
        if "?" not in operator[0]:
            after = end - len(source[operator.end() : end].lstrip())
            found.add((after, _operand_end(source, after)))
    return sorted(operand for operand in found if not OPERATOR.search(source, *operand))


def _operand_end(source: str, start: int) -> int:
    depth = 0
    for at in range(start, len(source)):
        if depth == 0 and (source[at] in ");,:" or OPERATOR.match(source, at)):
            return at
        depth += (source[at] in "([") - (source[at] in ")]")
    raise ValueError(source[start:])


def _operand_start(source: str, end: int) -> int:
    depth = 0
    for at in range(end - 1, 0, -1):
        depth += (source[at] in ")]") - (source[at] in "([")
        if depth < 0 or (depth == 0 and OPERAND_STARTS.search(source, at - 8, at + 1)):
            return at + 1
    raise ValueError(source[:end])
