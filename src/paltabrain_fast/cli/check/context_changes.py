"""Finds where a source changes the context of the whole process, as for a single request."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final, TypeGuard

from .uses import Problem

__all__ = ["context_changes", "has_scopes"]

_SCOPES: Final = ("ContextMiddleware", "scoped_context")
_TEXT: Final = (
    "the context of the whole process is changed within a function: if that is for a request or"
    " task, events of others get it too; add ContextMiddleware, or use sdk.scoped_context()"
)


def has_scopes(tree: ast.Module) -> bool:
    """Tell whether a file names what gives requests contexts of their own, comments aside."""
    named = ast.dump(tree)
    return any(name in named for name in _SCOPES)


def context_changes(tree: ast.Module, groups: Collection[str]) -> Iterator[Problem]:
    """Yield each call such as ``sdk.context.set_user()`` that is in a function.

    Args:
        tree: what is in a file.
        groups: groups of the context, such as ``user``.
    """
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    calls = {node for function in functions for part in function.body for node in ast.walk(part)}
    setters = {f"set_{group}" for group in groups}
    names = _names_of_contexts(tree)
    for line in sorted({node.lineno for node in calls if _changes_context(node, setters, names)}):
        yield Problem(line, _TEXT)


def _changes_context(
    node: ast.AST, setters: Collection[str], names: Collection[str]
) -> TypeGuard[ast.Call]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=setter)):
            return setter in setters and name in names
        case ast.Call(func=ast.Attribute(value=holder, attr=setter)):
            return setter in setters and _is_context(holder)
    return False


def _is_context(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "context"


def _names_of_contexts(tree: ast.Module) -> set[str]:
    """Return the variables that hold nothing else in a file, as by ``context = sdk.context``."""
    holds: dict[str, bool] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                holds[name] = holds.get(name, True) and _is_context(value)
            case ast.arg(arg=name) | ast.withitem(optional_vars=ast.Name(id=name)):
                holds[name] = False
    return {name for name, is_context in holds.items() if is_context}
