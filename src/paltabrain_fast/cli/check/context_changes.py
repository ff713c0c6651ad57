"""Finds where a source changes the context of the whole process, as for a single request."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final, TypeGuard

from .bindings import bindings
from .uses import Problem, last_part

__all__ = ["context_changes", "has_scopes"]

_SCOPES: Final = ("ContextMiddleware", "scoped_context")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_TEXT: Final = (
    "the context of the whole process is changed within a function: if that is for a request or"
    " task, events of others get it too; add ContextMiddleware, or use sdk.scoped_context()"
)


def has_scopes(tree: ast.Module) -> bool:
    """Tell whether a file names what gives requests contexts of their own, comments aside."""
    texts = (text for node in ast.walk(tree) for text in vars(node).values())
    return any(isinstance(text, str) and any(map(text.__contains__, _SCOPES)) for text in texts)


def context_changes(tree: ast.Module, groups: Collection[str]) -> Iterator[Problem]:
    """Yield each call such as ``sdk.context.set_user()`` that is in a function.

    Left out are functions that make an SDK: no request has begun there.

    Args:
        tree: what is in a file.
        groups: groups of the context, such as ``user``.
    """
    functions = [list(_own(node)) for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    calls = {node for own in functions if not any(map(_makes_sdk, own)) for node in own}
    setters = {f"set_{group}" for group in groups}
    names = _names_of_contexts(tree)
    for line in sorted({node.lineno for node in calls if _changes_context(node, setters, names)}):
        yield Problem(line, _TEXT)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, but for what is in the functions in it."""
    rest = list(ast.iter_child_nodes(function))
    while rest:
        node = rest.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            rest += ast.iter_child_nodes(node)


def _makes_sdk(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Subscript(value=maker)) | ast.Call(func=maker):  # PaltabrainSdk[…]()
            return last_part(maker) == "PaltabrainSdk"
    return False


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
    for name, by in bindings(tree):
        holds[name] = holds.get(name, True) and _is_context(by)
    return {name for name, is_context in holds.items() if is_context}
