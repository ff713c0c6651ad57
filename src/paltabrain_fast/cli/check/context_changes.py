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
    for line in sorted({node.lineno for node in calls if _changes_context(node, groups)}):
        yield Problem(line, _TEXT)


def _changes_context(node: ast.AST, groups: Collection[str]) -> TypeGuard[ast.Call]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="context"), attr=setter)):
            return setter.startswith("set_") and setter.removeprefix("set_") in groups
    return False
