"""Commands that parse their arguments themselves, as they need no extra, beside those of typer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperCommand

__all__ = ["OwnParserCommand"]


class OwnParserCommand(TyperCommand):
    """A command of which typer knows no more than the names of its options, for completion."""

    names: ClassVar[Sequence[str]]

    @classmethod
    def of(cls, names: Sequence[str]) -> type[OwnParserCommand]:
        """Return the class of a command with these options."""
        return type(cls.__name__, (cls,), {"names": names})

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return what an option that has been begun may be."""
        # of click, or of the copy of it that newer versions of typer have
        click = type(ctx).__module__.rpartition(".")[0]
        item = import_module(f"{click}.shell_completion").CompletionItem
        return [item(name) for name in self.names if name.startswith(incomplete)]
