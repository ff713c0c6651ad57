"""Finds what the names of a source file are bound to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["bindings"]


def bindings(tree: ast.Module) -> Iterator[tuple[str, ast.AST | None]]:
    """Yield each name that is bound anywhere in a file, beside what tells what it holds.

    That is the value of an assignment, the item of a ``with``, the parameter of a function or the
    alias of an import; ``None`` for whatever else binds a name, as a loop or a pattern.
    """
    known: set[ast.AST] = set()
    for node in ast.walk(tree):  # parents come first
        match node:
            case (
                ast.Assign(targets=[ast.Name() as target], value=value)
                | ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name() as target, value=value)
            ):
                known.add(target)
                yield target.id, value
            case ast.withitem(optional_vars=ast.Name() as target):
                known.add(target)
                yield target.id, node
            case ast.arg(arg=name):
                yield name, node
            case ast.Name(id=name, ctx=ast.Store()) if node not in known:
                yield name, None
            case (
                ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
                | ast.ExceptHandler(name=str(name))
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name, None
            case ast.alias(asname=str(name)) | ast.alias(name=name):
                yield name, node
