from typing import Any, Self, final

@final
class Scope:
    """The context of what is tracked in a scope; see ``_reference.scope``."""

    context: Any
    @property
    def outer(self) -> Scope | None: ...
    def __new__(cls, context: Any, outer: Scope | None) -> Self: ...
